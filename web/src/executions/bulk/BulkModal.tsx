import { Button, Group, Modal, Progress, Stack, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { CircleAlert, CircleCheck } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { Execution } from '../../api/types'
import classes from '../executions.module.css'
import { type Action, fits, type Result, runAll } from './run'

const WORDS = {
  cancel: {
    title: 'Cancel executions',
    asks: 'Nodes that are running are stopped at once. What has completed is not undone.',
    rest: 'have ended and stay as they are',
    button: 'Cancel them',
    no: 'Keep them',
  },
  retry: {
    title: 'Retry executions',
    asks: 'For each, a new execution begins that keeps what has completed and runs again what failed.',
    rest: 'have not failed and stay as they are',
    button: 'Retry them',
    no: 'Not now',
  },
} as const

interface Props {
  action: Action
  chosen: readonly Execution[]
  /** `done`: whether something has been done. */
  onClose: (done: boolean) => void
}

/** Asks once, then does it to one after the other, and says what came of each. */
export function BulkModal({ action, chosen, onClose }: Props) {
  const words = WORDS[action]
  const ids = chosen.filter((one) => fits(action, one)).map((one) => one.execution_id)
  const rest = chosen.length - ids.length
  const { results, state, start, stop } = useRun(action, ids)
  const close = () => onClose(state !== 'asking')
  return (
    <Modal
      opened
      onClose={close}
      title={<b>{words.title}</b>}
      size="lg"
      closeOnClickOutside={state !== 'running'}
      closeOnEscape={state !== 'running'}
      withCloseButton={state !== 'running'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        {state === 'asking' ? (
          <Text size="sm">
            <b>{counted(ids.length)}</b> will be {action === 'cancel' ? 'cancelled' : 'retried'}.{' '}
            {words.asks}
            {rest > 0 && ` ${counted(rest)} of the selected ${words.rest}.`}
          </Text>
        ) : (
          <Progressing results={results} total={ids.length} />
        )}
        <Group justify="flex-end">
          {state === 'asking' && (
            <>
              <Button variant="default" onClick={close}>
                {words.no}
              </Button>
              <Button color={action === 'cancel' ? 'red' : 'indigo'} onClick={start} data-autofocus>
                {words.button}
              </Button>
            </>
          )}
          {state === 'running' && (
            <Button variant="default" onClick={stop}>
              Stop after these
            </Button>
          )}
          {state === 'done' && <Button onClick={close}>Close</Button>}
        </Group>
      </Stack>
    </Modal>
  )
}

function useRun(action: Action, ids: readonly string[]) {
  const [results, setResults] = useState<readonly Result[]>([])
  const [state, setState] = useState<'asking' | 'running' | 'done'>('asking')
  const stopped = useRef(false)
  const client = useQueryClient()
  useEffect(() => {
    stopped.current = false
    // Whoever leaves the page has not asked for the rest.
    return () => {
      stopped.current = true
    }
  }, [])
  const start = async () => {
    setState('running')
    const add = (result: Result) => setResults((before) => [...before, result])
    await runAll(action, ids, add, () => stopped.current)
    setState('done')
    void client.invalidateQueries({ queryKey: ['executions'] })
  }
  const stop = () => {
    stopped.current = true
  }
  return { results, state, start, stop }
}

function Progressing({ results, total }: { results: readonly Result[]; total: number }) {
  const bad = results.filter((result) => !result.good).length
  return (
    <>
      <div>
        <Text size="sm" mb={6} role="status">
          {results.length} of {counted(total)}
          {bad > 0 && `, ${bad} refused`}
        </Text>
        <Progress
          aria-label="Done so far"
          value={total === 0 ? 100 : (100 * results.length) / total}
          color={bad > 0 ? 'orange' : 'teal'}
        />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must get in. */}
      <ul className={classes.results} aria-label="Results" tabIndex={0}>
        {results.map((result) => (
          <li key={result.id} data-bad={!result.good || undefined}>
            {result.good ? (
              <CircleCheck size={15} aria-hidden />
            ) : (
              <CircleAlert size={15} aria-hidden />
            )}
            <span className="ax-mono">{result.id}</span>
            <span className={classes.resultWords}>
              {result.words}{' '}
              {result.begun && (
                <Link
                  to="/executions/$executionId"
                  params={{ executionId: result.begun }}
                  className="ax-mono"
                >
                  {result.begun.slice(0, 12)}…
                </Link>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}

function counted(count: number): string {
  return count === 1 ? '1 execution' : `${count.toLocaleString('en')} executions`
}
