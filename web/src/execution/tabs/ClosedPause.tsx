import type { Pause, PauseStatus } from '../../api/types'
import { JsonView } from '../../parts/JsonView'
import { Moment } from '../../parts/Moment'
import { Chip, type Tone } from './Chip'
import { NodeLink } from './NodeLink'
import { MessagePanel, Panel } from './Panel'
import classes from './tabs.module.css'

const ENDS: Record<PauseStatus, { tone: Tone; label: string; by: string }> = {
  OPEN: { tone: 'paused-hitl', label: 'Open', by: '' },
  RESUMED: { tone: 'completed', label: 'Approved', by: 'by' },
  REJECTED: { tone: 'failed', label: 'Rejected', by: 'by' },
  EXPIRED: { tone: 'compensating', label: 'Expired', by: 'nobody answered in time' },
  CANCELLED: { tone: 'cancelled', label: 'Cancelled', by: 'nobody needed it any more' },
}

/** A pause that is over: what was asked, and who said what. */
export function ClosedPause(props: { pause: Pause; onShowNode: (alias: string) => void }) {
  const { pause, onShowNode } = props
  const { tone, label, by } = ENDS[pause.status]
  return (
    <article className={classes.pause} aria-label={`Pause of ${pause.position}`}>
      <header className={classes.pauseHead}>
        <Chip tone={tone}>{label}</Chip>
        <NodeLink position={pause.position} alias={pause.placement} onShowNode={onShowNode} />
        <span className={classes.fact}>
          <span className="ax-dim">{by}</span> {pause.by && <b>{pause.by}</b>}
        </span>
        <Moment at={pause.resolved_at} />
      </header>
      {pause.comment !== null && (
        <blockquote className={classes.comment}>{pause.comment}</blockquote>
      )}
      <details className={classes.more}>
        <summary>What was asked, and of what</summary>
        <div className={classes.pauseBody}>
          <Panel title="What was asked">
            <JsonView value={pause.payload} />
          </Panel>
          <div className={classes.stackInner}>
            {pause.value !== null && (
              <MessagePanel
                title="Value of the answer"
                value={pause.value}
                file={`${pause.position}-value`}
              />
            )}
            <MessagePanel title="Input" value={pause.input} file={`${pause.position}-input`} />
          </div>
        </div>
      </details>
    </article>
  )
}
