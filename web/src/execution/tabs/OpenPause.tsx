import { Button, Group, Stack, Textarea } from '@mantine/core'
import { Check, X } from 'lucide-react'
import { useState } from 'react'
import type { Json, Pause, Problem } from '../../api/types'
import { MessageEditor } from '../../forms/MessageEditor'
import { JsonView } from '../../parts/JsonView'
import { Moment } from '../../parts/Moment'
import { Trouble } from '../../parts/Trouble'
import { useAnswer } from './answer'
import { Chip } from './Chip'
import { Countdown } from './Countdown'
import { NodeLink } from './NodeLink'
import { Panel } from './Panel'
import classes from './tabs.module.css'

interface OpenPauseProps {
  executionId: string
  pause: Pause
  onShowNode: (alias: string) => void
}

/** A pause that waits for a person: what is asked, and the form for the answer. */
export function OpenPause({ executionId, pause, onShowNode }: OpenPauseProps) {
  return (
    <article className={classes.pause} aria-label={`Open pause of ${pause.position}`}>
      <header className={classes.pauseHead}>
        <Chip tone="paused-hitl">Open</Chip>
        <NodeLink position={pause.position} alias={pause.placement} onShowNode={onShowNode} />
        <span className={classes.fact}>
          <span className="ax-dim">Asked</span> <Moment at={pause.opened_at} />
        </span>
        <Countdown at={pause.expires_at} />
      </header>
      <div className={classes.pauseBody}>
        <Panel title="What is asked">
          <JsonView value={pause.payload} />
        </Panel>
        <AnswerForm executionId={executionId} pause={pause} />
      </div>
    </article>
  )
}

/** What is said of anything but the value. */
const others = (problems: readonly Problem[], rootPath: string) =>
  problems.filter(({ path }) => path !== 'comment' && !path.startsWith(rootPath))

function AnswerForm({ executionId, pause }: { executionId: string; pause: Pause }) {
  const [value, setValue] = useState<Json>(pause.input ?? {})
  // Who has changed nothing leaves the input as it is, to the last byte.
  const [isEdited, setEdited] = useState(false)
  const [isReadable, setReadable] = useState(true)
  const [comment, setComment] = useState('')
  const { say, saying, problems, failure } = useAnswer(executionId, pause)
  const commentFault = problems.find(({ path }) => path === 'comment')?.message ?? null
  const approve = () => say({ decision: 'approve', comment, ...(isEdited ? { value } : {}) })
  const reject = () => say({ decision: 'reject', comment })
  return (
    <Panel
      title="Answer"
      aside={
        <span className="ax-dim">
          {isEdited ? 'The node gets your value.' : 'The node gets this input.'}
        </span>
      }
    >
      <Stack gap="md">
        {failure !== null && <Trouble failure={failure} />}
        <MessageEditor
          schema={pause.schema}
          value={value}
          onChange={(next) => {
            setValue(next)
            setEdited(true)
          }}
          problems={[
            ...problems.filter(({ path }) => path.startsWith('value')),
            ...others(problems, 'value'),
          ]}
          rootPath="value"
          onReadable={setReadable}
        />
        <Textarea
          autosize
          minRows={2}
          label="Comment"
          description="Kept with the answer, for whoever asks later."
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
          error={commentFault}
        />
        <Group justify="flex-end" gap="sm">
          <Button
            variant="default"
            leftSection={<X size={15} />}
            loading={saying === 'reject'}
            disabled={saying !== null}
            onClick={reject}
          >
            Reject
          </Button>
          <Button
            leftSection={<Check size={15} />}
            loading={saying === 'approve'}
            disabled={saying !== null || !isReadable}
            onClick={approve}
          >
            Approve
          </Button>
        </Group>
      </Stack>
    </Panel>
  )
}
