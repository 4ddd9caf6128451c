import { Button, TextInput } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { ChevronRight, Search } from 'lucide-react'
import { Fragment, useEffect, useState } from 'react'
import { api } from '../api/client'
import type { ArtifactSummary } from '../api/types'
import { useTitle } from '../app/title'
import { Blank } from '../parts/Blank'
import { CopyText } from '../parts/CopyText'
import { Loading } from '../parts/Loading'
import { Moment } from '../parts/Moment'
import { Trouble } from '../parts/Trouble'
import classes from './flows.module.css'
import { type FlowGroup, groups, isFound } from './groups'
import { ModeBadge } from './ModeBadge'

const PAGE_ROWS = 1_000
/** A table has so many rows at most: who has more flows looks for one by name. */
const FLOWS_SHOWN = 300

/** Every flow with its artifacts, newest first. */
export function FlowsPage() {
  useTitle('Flows')
  const { q = '' } = useSearch({ from: '/shell/flows' })
  const navigate = useNavigate({ from: '/flows' })
  const query = useArtifacts()
  const all = groups(query.data?.pages.flatMap((page) => page.rows) ?? [])
  const found = all.filter((group) => isFound(group, q))
  return (
    <div className="ax-page">
      <h1>Flows</h1>
      <p className={classes.lead}>
        {all.length} {all.length === 1 ? 'flow' : 'flows'}, newest first
      </p>
      <TextInput
        className={classes.search}
        aria-label="Search flows"
        placeholder="Name, description or artifact ID"
        leftSection={<Search size={15} />}
        value={q}
        onChange={(event) =>
          void navigate({ search: { q: event.currentTarget.value }, replace: true })
        }
      />
      {query.error && <Trouble failure={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Loading />}
      {query.data && all.length === 0 && <NoFlows />}
      {all.length > 0 && found.length === 0 && (
        <Blank title="Nothing is called that" text={`No flow or artifact has “${q}” in it.`} />
      )}
      {found.length > 0 && <FlowsTable found={found.slice(0, FLOWS_SHOWN)} />}
      {found.length > FLOWS_SHOWN && (
        <p className={classes.lead}>
          {found.length - FLOWS_SHOWN} more: search for the one that you mean.
        </p>
      )}
    </div>
  )
}

/** All artifacts, page after page: flows are groups of them, wherever they are in the list. */
function useArtifacts() {
  const query = useInfiniteQuery({
    queryKey: ['artifacts', 'all'],
    queryFn: ({ pageParam }) => api.artifacts({ limit: PAGE_ROWS, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: 15_000,
  })
  const { hasNextPage, isFetching, isError, fetchNextPage } = query
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage()
  }, [hasNextPage, isFetching, isError, fetchNextPage])
  return query
}

function NoFlows() {
  return (
    <Blank
      title="No flows yet"
      text={
        <>
          Write a <code>flow.yaml</code> and compile it with <code>axiomd compile flow.yaml</code>:
          its artifact is here then.
        </>
      }
    />
  )
}

function FlowsTable({ found }: { found: readonly FlowGroup[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const toggle = (flow: string) =>
    setOpen((now) => {
      const next = new Set(now)
      if (!next.delete(flow)) next.add(flow)
      return next
    })
  return (
    <div className={classes.tableFrame}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th>Flow</th>
            <th>Mode</th>
            <th>Placements</th>
            <th>Created</th>
            <th>Artifact</th>
          </tr>
        </thead>
        <tbody>
          {found.map((group) => (
            <Fragment key={group.flow}>
              <Row artifact={group.newest}>
                <Toggle
                  group={group}
                  isOpen={open.has(group.flow)}
                  onToggle={() => toggle(group.flow)}
                />
              </Row>
              {open.has(group.flow) &&
                group.older.map((artifact) => (
                  <Row key={artifact.graph_id} artifact={artifact} isOlder />
                ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Toggle(props: { group: FlowGroup; isOpen: boolean; onToggle: () => void }) {
  const { group, isOpen, onToggle } = props
  if (group.older.length === 0) return null
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-xs"
      ml={8}
      aria-expanded={isOpen}
      aria-label={`${group.older.length} older artifacts of ${group.flow}`}
      leftSection={
        <ChevronRight size={13} className={classes.chevron} data-open={isOpen || undefined} />
      }
      onClick={onToggle}
    >
      {group.older.length} older
    </Button>
  )
}

function Row(props: { artifact: ArtifactSummary; isOlder?: boolean; children?: React.ReactNode }) {
  const { artifact, isOlder, children } = props
  return (
    <tr data-older={isOlder || undefined}>
      <td>
        <Link
          to="/flows/$graphId"
          params={{ graphId: artifact.graph_id }}
          className={classes.flowLink}
        >
          {isOlder ? 'an older one' : artifact.flow}
        </Link>
        {children}
        {!isOlder && artifact.description && (
          <div className={classes.description}>{artifact.description}</div>
        )}
      </td>
      <td>
        <ModeBadge mode={artifact.mode} />
      </td>
      <td className={classes.number}>{artifact.placements}</td>
      <td>
        <Moment at={artifact.created_at} />
      </td>
      <td>
        <CopyText text={artifact.graph_id} label="artifact ID" />
      </td>
    </tr>
  )
}
