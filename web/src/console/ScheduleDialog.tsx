import { Group, NumberInput, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { admin, api } from '../api/client'
import type { CatchUp, Overlap, Schedule } from '../api/consoleTypes'
import { Refused } from '../api/errors'
import type { Json } from '../api/types'
import { useArtifact } from '../execution/data'
import { MessageEditor } from '../forms/MessageEditor'
import { absolute } from '../parts/time'
import { FormDialog, useChange } from './parts'
import { HERE, type Kind, timingOf } from './timing'

const CATCH_UP = [
  { value: 'none', label: 'are left out' },
  { value: 'one', label: 'fire once for all of them' },
  { value: 'all', label: 'fire once each' },
]
const OVERLAP = [
  { value: 'allow', label: 'it fires all the same' },
  { value: 'skip', label: 'it is skipped' },
]

interface Props {
  /** Null for a new one. */
  schedule: Schedule | null
  queryKey: readonly string[]
  onClose: () => void
}

/** The fields of a schedule: what is invoked, with what, and when. */
export function ScheduleDialog({ schedule, queryKey, onClose }: Props) {
  const [name, setName] = useState(schedule?.name ?? '')
  const [graphId, setGraphId] = useState<string | null>(schedule?.graph_id ?? null)
  const [input, setInput] = useState<Json>(schedule?.input ?? {})
  const [kind, setKind] = useState<Kind>(schedule?.every_seconds ? 'every' : 'cron')
  const [cron, setCron] = useState(schedule?.cron ?? '')
  const [every, setEvery] = useState<number | string>(schedule?.every_seconds ?? '')
  const [zone, setZone] = useState(schedule?.time_zone ?? HERE)
  const [catchUp, setCatchUp] = useState<CatchUp>(schedule?.catch_up ?? 'none')
  const [overlap, setOverlap] = useState<Overlap>(schedule?.overlap ?? 'allow')
  const [isReadable, setReadable] = useState(true)
  const timing = timingOf(kind, cron, every, zone)
  const save = useChange(async () => {
    if (timing === null || graphId === null) return
    const terms = { catch_up: catchUp, overlap }
    const body = { name: name.trim(), graph_id: graphId, input, ...timing, ...terms }
    await (schedule === null
      ? admin.createSchedule(body)
      : admin.changeSchedule(schedule.schedule_id, body))
  }, queryKey)
  const problems =
    save.error instanceof Refused
      ? save.error.problems.filter(({ path }) => path.startsWith('input'))
      : []
  return (
    <FormDialog
      title={schedule === null ? 'Add a schedule' : `Edit ${schedule.name}`}
      submit={schedule === null ? 'Add' : 'Save'}
      isPending={save.isPending}
      isReady={name.trim() !== '' && graphId !== null && timing !== null && isReadable}
      failure={save.error}
      onSubmit={() => save.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      size="lg"
    >
      <TextInput
        label="Name"
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <ArtifactField
        value={graphId}
        onChange={(id) => {
          setGraphId(id)
          setInput(id === schedule?.graph_id ? (schedule?.input ?? {}) : {})
        }}
      />
      <SegmentedControl
        aria-label="When"
        value={kind}
        onChange={(value) => setKind(value as Kind)}
        data={[
          { value: 'cron', label: 'Cron expression' },
          { value: 'every', label: 'Every so many seconds' },
        ]}
      />
      {kind === 'cron' ? (
        <>
          <TextInput
            label="Cron expression"
            placeholder="0 6 * * 1-5"
            description="Minute, hour, day of month, month, day of week."
            value={cron}
            onChange={(event) => setCron(event.currentTarget.value)}
          />
          <TextInput
            label="Time zone"
            value={zone}
            onChange={(event) => setZone(event.currentTarget.value)}
          />
        </>
      ) : (
        <NumberInput label="Seconds" min={1} value={every} onChange={setEvery} />
      )}
      <Group grow align="flex-start">
        <Select
          label="Times that were missed"
          allowDeselect={false}
          data={CATCH_UP}
          value={catchUp}
          onChange={(value) => setCatchUp(value as CatchUp)}
        />
        <Select
          label="While the last one goes on"
          allowDeselect={false}
          data={OVERLAP}
          value={overlap}
          onChange={(value) => setOverlap(value as Overlap)}
        />
      </Group>
      {graphId !== null && (
        <Input
          key={graphId}
          graphId={graphId}
          value={input}
          onChange={setInput}
          problems={problems}
          onReadable={setReadable}
        />
      )}
    </FormDialog>
  )
}

function ArtifactField(props: { value: string | null; onChange: (id: string | null) => void }) {
  const { data } = useQuery({
    queryKey: ['artifacts', 'newest'],
    queryFn: () => api.artifacts({ limit: 1_000 }),
  })
  const rows = (data?.rows ?? []).map((row) => ({
    value: row.graph_id,
    label: `${row.flow} · ${absolute(row.created_at).slice(0, 16)}`,
  }))
  return (
    <Select
      label="Artifact"
      description="What is invoked: a flow as it was compiled."
      searchable
      allowDeselect={false}
      data={rows}
      value={props.value}
      onChange={props.onChange}
    />
  )
}

function Input(props: {
  graphId: string
  value: Json
  onChange: (value: Json) => void
  problems: readonly { path: string; message: string }[]
  onReadable: (isReadable: boolean) => void
}) {
  const artifact = useArtifact(props.graphId)
  if (!artifact.data) return null
  return (
    <MessageEditor
      schema={artifact.data.input_schema}
      value={props.value}
      onChange={props.onChange}
      problems={props.problems}
      rootPath="input"
      onReadable={props.onReadable}
    />
  )
}
