import { Button } from '@mantine/core'
import { RotateCcw, Square } from 'lucide-react'
import { useState } from 'react'
import type { Execution } from '../../api/types'
import classes from '../executions.module.css'
import { BulkModal } from './BulkModal'
import { type Action, fits } from './run'

interface Props {
  chosen: readonly Execution[]
  onClear: () => void
}

/** What can be done to all that are selected. */
export function BulkBar({ chosen, onClear }: Props) {
  const [action, setAction] = useState<Action | null>(null)
  // As it was when it was asked for: while it runs, the list changes.
  const [subject, setSubject] = useState<readonly Execution[]>([])
  const ask = (what: Action) => {
    setSubject(chosen)
    setAction(what)
  }
  const countOf = (what: Action) => chosen.filter((execution) => fits(what, execution)).length
  const cancels = countOf('cancel')
  const retries = countOf('retry')
  return (
    <>
      {chosen.length > 0 && (
        <section className={classes.bulk} aria-label="Selected executions">
          <span role="status">{chosen.length.toLocaleString('en')} selected</span>
          <Button
            size="xs"
            variant="default"
            leftSection={<Square size={13} />}
            disabled={cancels === 0}
            onClick={() => ask('cancel')}
          >
            Cancel {cancels > 0 && cancels.toLocaleString('en')}
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<RotateCcw size={13} />}
            disabled={retries === 0}
            onClick={() => ask('retry')}
          >
            Retry {retries > 0 && retries.toLocaleString('en')}
          </Button>
          <Button size="xs" variant="subtle" color="gray" onClick={onClear}>
            Clear selection
          </Button>
        </section>
      )}
      {action && (
        <BulkModal
          action={action}
          chosen={subject}
          onClose={(done) => {
            setAction(null)
            if (done) onClear()
          }}
        />
      )}
    </>
  )
}
