import { Button, Switch } from '@mantine/core'
import { useNavigate, useRouterState, useSearch } from '@tanstack/react-router'
import { ArrowUp } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Unreachable } from '../api/errors'
import { useTitle } from '../app/title'
import { Blank } from '../parts/Blank'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import { BulkBar } from './bulk/BulkBar'
import { useExecutions } from './data'
import classes from './executions.module.css'
import { Filters } from './Filters'
import { placeOf } from './place'
import { type ExecutionsSearch, toQuery } from './search'
import { useSelection } from './selection'
import { Table } from './Table'

/** Every execution, newest first. */
export function ExecutionsPage() {
  useTitle('Executions')
  const search = useSearch({ from: '/shell/executions' })
  const navigate = useNavigate()
  const [live, setLive] = useState(true)
  const filter = useMemo(() => toQuery(search), [search])
  const { query, rows, next, more, view } = useExecutions(filter, live)
  const selection = useSelection(rows)
  const chosen = useMemo(
    () => (selection.ids.size ? rows.filter((row) => selection.ids.has(row.execution_id)) : []),
    [rows, selection.ids],
  )
  const { clear } = selection
  // Another filter is another list.
  useEffect(clear, [filter, clear])
  const scroller = useRef<HTMLDivElement>(null)
  const begun = useBegun(scroller)
  const entry = useRouterState({ select: (state) => state.location.state.__TSR_key ?? '' })
  const place = useMemo(() => placeOf(entry), [entry])
  const change = (changed: { [K in keyof ExecutionsSearch]: ExecutionsSearch[K] | undefined }) =>
    void navigate({
      to: '/executions',
      search: (before) => ({ ...before, ...changed }) as ExecutionsSearch,
      replace: true,
    })
  const filtered = Object.keys(search).length > 0
  return (
    <div className={classes.page}>
      <header className={classes.title}>
        <div>
          <h1>Executions</h1>
          <p className="ax-dim">
            {query.data ? summary(rows.length, next !== null) : 'Newest first'}
          </p>
        </div>
        <Switch
          label="Live"
          checked={live}
          onChange={(event) => setLive(event.currentTarget.checked)}
          size="sm"
        />
      </header>
      <Filters search={search} onChange={change} />
      {query.error && !(query.error instanceof Unreachable) && (
        <Trouble failure={query.error} onRetry={() => void query.refetch()} />
      )}
      <div className={classes.list}>
        <Table
          // Another list begins at its own top.
          key={JSON.stringify(filter)}
          rows={rows}
          more={next !== null && !query.isPlaceholderData}
          onMore={more}
          selection={selection}
          onOpen={(id) =>
            void navigate({ to: '/executions/$executionId', params: { executionId: id } })
          }
          view={view}
          place={place}
          onBegun={begun.add}
          stale={query.isPlaceholderData}
          scroller={scroller}
        >
          {query.data && next !== null && <p className={classes.end}>Looking further back …</p>}
          {query.data && next === null && rows.length > 0 && (
            <p className={classes.end}>That is all</p>
          )}
          {!query.data && <Waiting failed={query.isError} />}
          {query.data && next === null && rows.length === 0 && <Nothing filtered={filtered} />}
        </Table>
        {begun.count > 0 && (
          <Button
            className={classes.begun ?? ''}
            size="xs"
            radius="xl"
            leftSection={<ArrowUp size={13} />}
            onClick={begun.show}
          >
            {begun.count.toLocaleString('en')} new
          </Button>
        )}
        <BulkBar chosen={chosen} onClear={clear} />
      </div>
    </div>
  )
}

function summary(count: number, more: boolean): string {
  const number = count.toLocaleString('en')
  if (more) return `${number} loaded, newest first`
  if (count === 0) return 'No executions'
  return count === 1 ? '1 execution' : `${number} executions, newest first`
}

function Waiting({ failed }: { failed: boolean }) {
  if (!failed) return <Loading lines={12} />
  return <Blank title="Nothing to show yet" text="The list comes once the server answers." />
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Blank title="No execution matches" text="Other filters, or a longer time, may find some." />
  ) : (
    <Blank
      title="No executions yet"
      text={
        <>
          They appear here as soon as a flow is invoked.{' '}
          <code className="ax-mono">axiomd demo</code> runs the examples.
        </>
      }
    />
  )
}

/** How many rows have begun above what is in view, until somebody goes up to them. */
function useBegun(scroller: { current: HTMLDivElement | null }) {
  const [count, setCount] = useState(0)
  // It listens as long as there is a count.
  useEffect(() => {
    const element = scroller.current
    if (count === 0 || !element) return
    const look = () => element.scrollTop < 20 && setCount(0)
    element.addEventListener('scroll', look, { passive: true })
    return () => element.removeEventListener('scroll', look)
  }, [count === 0])
  return useMemo(
    () => ({
      count,
      add: (more: number) => setCount((before) => before + more),
      show: () => scroller.current?.scrollTo({ top: 0 }),
    }),
    [count, scroller],
  )
}
