import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { api } from '../../api/client'
import { Blank } from '../../parts/Blank'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import { ClosedPause } from './ClosedPause'
import { OpenPause } from './OpenPause'
import type { TabProps } from './props'
import classes from './tabs.module.css'

const PAGE_ROWS = 50

/** Every pause of an execution: the open ones with a form for the answer, then who said what. */
export function PausesTab({ execution, onShowNode }: TabProps) {
  const id = execution.execution_id
  const query = useInfiniteQuery({
    queryKey: ['pauses', id, 'pages'],
    queryFn: ({ pageParam }) => api.pauses(id, { limit: PAGE_ROWS, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  })
  if (query.data === undefined) {
    if (query.error) return <Trouble failure={query.error} onRetry={() => void query.refetch()} />
    return <Loading />
  }
  const pauses = query.data.pages.flatMap((page) => page.rows)
  const open = pauses.filter((pause) => pause.status === 'OPEN')
  const closed = pauses.filter((pause) => pause.status !== 'OPEN')
  if (pauses.length === 0) {
    return (
      <Blank
        title="No pauses"
        text="A placement with hitl is held before its node runs, until somebody answers here."
      />
    )
  }
  return (
    <div className={classes.stack}>
      {open.map((pause) => (
        <OpenPause key={pause.pause_id} executionId={id} pause={pause} onShowNode={onShowNode} />
      ))}
      {closed.map((pause) => (
        <ClosedPause key={pause.pause_id} pause={pause} onShowNode={onShowNode} />
      ))}
      {query.hasNextPage && (
        <Button
          variant="default"
          size="xs"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </div>
  )
}
