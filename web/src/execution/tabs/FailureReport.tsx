import { Button } from '@mantine/core'
import { LocateFixed, TriangleAlert } from 'lucide-react'
import type { Failure, Status } from '../../api/types'
import classes from './tabs.module.css'

interface FailureProps {
  failure: Failure
  error: string | null
  status: Status
  onShowNode: (alias: string) => void
}

/** Why an execution has failed, and where. */
export function FailureReport({ failure, error, status, onShowNode }: FailureProps) {
  const where = failure.placement ?? failure.edge?.split(' → ')[0] ?? null
  return (
    <section
      className={classes.failure}
      aria-label="Failure"
      data-cancelled={status === 'CANCELLED' || undefined}
    >
      <TriangleAlert size={20} aria-hidden />
      <div className={classes.failureWords}>
        <h2>{failure.kind}</h2>
        <p>{error ?? failure.message}</p>
        <dl className={classes.facts}>
          <Fact name="Placement" text={failure.placement} />
          <Fact name="Edge" text={failure.edge} />
          <Fact name="Attempts" text={failure.attempts > 0 ? `${failure.attempts}` : null} />
        </dl>
      </div>
      {where !== null && (
        <Button
          variant="default"
          size="xs"
          leftSection={<LocateFixed size={14} />}
          onClick={() => onShowNode(where)}
        >
          Show on canvas
        </Button>
      )}
    </section>
  )
}

function Fact({ name, text }: { name: string; text: string | null }) {
  if (text === null) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd className="ax-mono">{text}</dd>
    </div>
  )
}
