import { Checkbox, TextInput } from '@mantine/core'
import { useState } from 'react'
import { admin } from '../api/client'
import type { Schedule } from '../api/consoleTypes'
import { Refused } from '../api/errors'
import type { Json } from '../api/types'
import { useArtifact } from '../execution/data'
import { MessageEditor } from '../forms/MessageEditor'
import { faultAt } from './faults'
import { FormDialog, useChange } from './parts'
import { ArtifactField, BoundFields, TermFields, WhenFields } from './ScheduleFields'
import { bodyOfSchedule, formOf, type ScheduleForm } from './scheduleForm'

/** What the server calls what the fields show. */
const FIELDS = [
  'name',
  'graph_id',
  'cron',
  'every_seconds',
  'time_zone',
  'starts_at',
  'ends_at',
  'catch_up',
  'overlap',
  'config_id',
  'priority',
  'input',
]

interface Props {
  /** Null for a new one. */
  schedule: Schedule | null
  queryKey: readonly string[]
  onClose: () => void
}

/** The fields of a schedule: what is invoked, with what, and when. */
export function ScheduleDialog({ schedule, queryKey, onClose }: Props) {
  const [form, setForm] = useState(() => formOf(schedule))
  const [isReadable, setReadable] = useState(true)
  const set = (changed: Partial<ScheduleForm>) => setForm((before) => ({ ...before, ...changed }))
  const body = bodyOfSchedule(form, schedule)
  const save = useChange(async () => {
    if (body === null) return
    await (schedule === null
      ? admin.createSchedule(body)
      : admin.changeSchedule(schedule.schedule_id, body))
  }, queryKey)
  const fields = { form, set, fault: (path: string) => faultAt(save.error, path) }
  return (
    <FormDialog
      title={schedule === null ? 'Add a schedule' : `Edit ${schedule.name}`}
      submit={schedule === null ? 'Add' : 'Save'}
      isPending={save.isPending}
      isReady={body !== null && isReadable}
      failure={save.error}
      fields={FIELDS}
      onSubmit={() => save.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      size="lg"
    >
      <TextInput
        label="Name"
        data-autofocus
        value={form.name}
        error={fields.fault('name')}
        onChange={(event) => set({ name: event.currentTarget.value })}
      />
      <ArtifactField {...fields} schedule={schedule} />
      <WhenFields {...fields} />
      <BoundFields {...fields} />
      <TermFields {...fields} />
      {form.graphId !== null && (
        <Input
          key={form.graphId}
          graphId={form.graphId}
          value={form.input}
          onChange={(input) => set({ input })}
          failure={save.error}
          onReadable={setReadable}
        />
      )}
      {schedule === null && (
        <Checkbox
          label="Paused at first"
          description="It fires nothing until it is resumed."
          checked={form.isPaused}
          onChange={(event) => set({ isPaused: event.currentTarget.checked })}
        />
      )}
    </FormDialog>
  )
}

function Input(props: {
  graphId: string
  value: Json
  onChange: (value: Json) => void
  failure: unknown
  onReadable: (isReadable: boolean) => void
}) {
  const { graphId, value, onChange, failure, onReadable } = props
  const artifact = useArtifact(graphId)
  if (!artifact.data) return null
  const problems = failure instanceof Refused ? failure.problems : []
  return (
    <MessageEditor
      schema={artifact.data.input_schema}
      value={value}
      onChange={onChange}
      problems={problems.filter(({ path }) => path.startsWith('input'))}
      rootPath="input"
      onReadable={onReadable}
    />
  )
}
