import { Select, Table } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { admin } from '../api/client'
import type { Act } from '../api/consoleTypes'
import { OPERATOR, sessionQuery } from '../app/query'
import { Blank } from '../parts/Blank'
import { CopyText } from '../parts/CopyText'
import { TimeOf } from '../parts/Moment'
import { ACTS, ARTIFACT, type Fact, factsOf, subjectOf, titleOf, whoOf } from './acts'
import classes from './console.module.css'
import { Answer, Section, Subject } from './parts'
import { Older, pollPages, Rows } from './Rows'
import { TenantSelect } from './TenantSelect'

const ADDRESS = '/console/audit'
const CHOICES = Object.entries(ACTS).map(([group, acts]) => ({
  group,
  items: Object.entries(acts).map(([value, label]) => ({ value, label })),
}))

/** Who changed what on this box, and when. */
export function AuditPage() {
  const search = useSearch({ from: '/shell/console/audit' })
  const query = useInfiniteQuery({
    queryKey: ['acts', search.act, search.tenant],
    queryFn: ({ pageParam: cursor }) => admin.acts({ ...search, cursor }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: pollPages,
  })
  return (
    <Subject
      title="Audit Log"
      about="Who made, changed or removed what, and when. It names things, and holds no secret."
    >
      <Section title="Acts, newest first" action={<Filters />} isAlone>
        <Answer query={query} isOfOne={search.tenant !== undefined}>
          {({ pages }) => (
            <Found
              acts={pages.flatMap((page) => page.rows)}
              isFiltered={search.act !== undefined}
              hasMore={query.hasNextPage}
            />
          )}
        </Answer>
        <Older query={query} />
      </Section>
    </Subject>
  )
}

function Filters() {
  const { act, tenant } = useSearch({ from: '/shell/console/audit' })
  const navigate = useNavigate({ from: ADDRESS })
  const session = useQuery(sessionQuery)
  const change = (changed: { act?: string | undefined; tenant?: string | undefined }) =>
    void navigate({ search: { act, tenant, ...changed } as never, replace: true })
  return (
    <div className={classes.filters}>
      {session.data?.tenant === OPERATOR && (
        <TenantSelect
          label="Whose log"
          value={tenant}
          onChange={(chosen) => change({ tenant: chosen })}
        />
      )}
      <Select
        size="xs"
        w={240}
        aria-label="Act"
        placeholder="Any act"
        searchable
        comboboxProps={{ withinPortal: false }}
        clearable
        clearButtonProps={{ 'aria-label': 'Any act' }}
        nothingFoundMessage="No such act"
        data={known(act)}
        value={act ?? null}
        onChange={(chosen) => change({ act: chosen ?? undefined })}
      />
    </div>
  )
}

/** The acts to choose from, with what the address names besides. */
function known(act: string | undefined) {
  if (act === undefined || titleOf(act) !== act) return CHOICES
  return [...CHOICES, { group: 'Others', items: [{ value: act, label: act }] }]
}

function Found(props: { acts: readonly Act[]; isFiltered: boolean; hasMore: boolean }) {
  const { acts, isFiltered, hasMore } = props
  if (acts.length === 0)
    return hasMore ? (
      <Blank title="None among the newest" text="Older ones may be of this kind." />
    ) : (
      <Blank
        title={isFiltered ? 'Nobody has done this' : 'Nothing was done yet'}
        text="What is made, changed or removed stands here, for as long as retention.audit_days says."
        {...(isFiltered ? {} : { command: 'axiomd audit' })}
      />
    )
  return (
    <Rows label="Acts" columns={['When', 'Who', 'Act', 'On', 'What changed']}>
      {acts.map((act, at) => (
        <Table.Tr key={`${act.at} ${acts.length - at}`}>
          <Table.Td>
            <TimeOf at={act.at} />
          </Table.Td>
          <Table.Td className={classes.who}>
            <Who by={act.by} />
          </Table.Td>
          <Table.Td>
            <div className={classes.title}>{titleOf(act.act)}</div>
            <div className={classes.below}>{act.act}</div>
          </Table.Td>
          <Table.Td className={classes.name}>
            <On act={act} />
          </Table.Td>
          <Table.Td className={classes.name}>
            <Changes facts={factsOf(act)} />
          </Table.Td>
        </Table.Tr>
      ))}
    </Rows>
  )
}

function On({ act }: { act: Act }) {
  if (act.act.startsWith('session.')) return <Who by={act.subject} />
  const { name, id } = subjectOf(act)
  return (
    <>
      <div>{name}</div>
      {id !== null && <CopyText text={id} label="ID" />}
    </>
  )
}

function Who({ by }: { by: string }) {
  const { name, first8 } = whoOf(by)
  return (
    <>
      <div>{name}</div>
      {first8 !== null && <div className={classes.below}>{first8}…</div>}
    </>
  )
}

function Changes({ facts }: { facts: readonly Fact[] }) {
  if (facts.length === 0) return <span className="ax-dim">–</span>
  return (
    <dl className={classes.changes}>
      {facts.map((fact) => (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>
            {fact.before !== undefined && (
              <>
                <del>{fact.before}</del> <span aria-hidden>→</span>{' '}
              </>
            )}
            {fact.name === ARTIFACT ? <Artifact graphId={fact.text} /> : fact.text}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Artifact({ graphId }: { graphId: string }) {
  return (
    <Link className={classes.link} to="/flows/$graphId" params={{ graphId }}>
      {graphId}
    </Link>
  )
}
