import {
  Autocomplete,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  TextInput,
} from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { admin, api } from '../api/client'
import type { CatchUp, Overlap, Schedule } from '../api/consoleTypes'
import { CopyText } from '../parts/CopyText'
import { absolute, ZONE } from '../parts/time'
import { PRIORITY_MAX, type ScheduleForm } from './scheduleForm'
import { CATCH_UP_WORDS, choices, type Kind, OVERLAP_WORDS, timingText, ZONES } from './timing'

const ZONES_SHOWN = 30

export interface FieldsProps {
  form: ScheduleForm
  set: (changed: Partial<ScheduleForm>) => void
  /** What the server said about the field of that path. */
  fault: (path: string) => string | undefined
}

export function ArtifactField(props: FieldsProps & { schedule: Schedule | null }) {
  const { form, set, fault, schedule } = props
  const { data } = useQuery({
    queryKey: ['artifacts', 'newest'],
    queryFn: () => api.artifacts({ limit: 1_000 }),
  })
  const found = (data?.rows ?? []).map(({ graph_id, flow, created_at }) => ({
    value: graph_id,
    label: `${flow} · ${absolute(created_at).slice(0, 16)}`,
    flow,
  }))
  const isListed = form.graphId === null || found.some(({ value }) => value === form.graphId)
  const own = { value: form.graphId ?? '', label: `${form.flow} · ${form.graphId}` }
  const choose = (id: string | null) =>
    set({
      graphId: id,
      flow: found.find(({ value }) => value === id)?.flow ?? schedule?.flow ?? null,
      input: id === schedule?.graph_id ? (schedule?.input ?? {}) : {},
      // A config of another flow would be refused.
      configId: id === schedule?.graph_id ? (schedule?.config_id ?? null) : null,
    })
  return (
    <Select
      label="Artifact"
      description={
        data?.rows.length === 0 ? (
          <>
            Nothing is compiled yet: <CopyText text="axiomd compile flow.yaml" label="command" />
          </>
        ) : (
          'What is invoked: a flow as it was compiled. A flow that is compiled anew is another one.'
        )
      }
      searchable
      allowDeselect={false}
      nothingFoundMessage="No such artifact"
      data={isListed ? found : [own, ...found]}
      value={form.graphId}
      error={fault('graph_id')}
      onChange={choose}
    />
  )
}

/** At which times it fires. */
export function WhenFields({ form, set, fault }: FieldsProps) {
  return (
    <>
      <SegmentedControl
        aria-label="When"
        value={form.kind}
        onChange={(value) => set({ kind: value as Kind })}
        data={[
          { value: 'cron', label: 'Cron expression' },
          { value: 'every', label: 'Every so many seconds' },
        ]}
      />
      {form.kind === 'cron' ? (
        <Group grow align="flex-start">
          <TextInput
            label="Cron expression"
            placeholder="0 6 * * MON-FRI"
            description="Minute, hour, day, month, weekday; or @daily, …"
            value={form.cron}
            error={fault('cron')}
            onChange={(event) => set({ cron: event.currentTarget.value })}
          />
          <Autocomplete
            label="Time zone"
            description="In which the expression is read, summer time and all."
            data={ZONES}
            limit={ZONES_SHOWN}
            value={form.zone}
            error={fault('time_zone')}
            onChange={(zone) => set({ zone })}
          />
        </Group>
      ) : (
        <NumberInput
          label="Seconds"
          description={
            form.every === ''
              ? 'Counted from its start, else from when it is made.'
              : timingText({ cron: null, every_seconds: Number(form.every), time_zone: null })
          }
          min={1}
          allowDecimal={false}
          value={form.every}
          error={fault('every_seconds') ?? fault('cron')}
          onChange={(every) => set({ every })}
        />
      )}
    </>
  )
}

/** Between which moments. */
export function BoundFields({ form, set, fault }: FieldsProps) {
  return (
    <Group grow align="flex-start">
      <TextInput
        type="datetime-local"
        step="any"
        label="Starts, in your time"
        description={`${ZONE}. Empty for at once.`}
        value={form.startsAt}
        error={fault('starts_at')}
        onChange={(event) => set({ startsAt: event.currentTarget.value })}
      />
      <TextInput
        type="datetime-local"
        step="any"
        label="Ends, in your time"
        description="Not then, nor later. Empty for never."
        value={form.endsAt}
        error={fault('ends_at')}
        onChange={(event) => set({ endsAt: event.currentTarget.value })}
      />
    </Group>
  )
}

/** Under which terms its executions run. */
export function TermFields({ form, set, fault }: FieldsProps) {
  return (
    <>
      <Group grow align="flex-start">
        <Select
          label="Times that were missed"
          description="While the box was off, or this was paused."
          allowDeselect={false}
          data={choices(CATCH_UP_WORDS)}
          value={form.catchUp}
          error={fault('catch_up')}
          onChange={(value) => set({ catchUp: value as CatchUp })}
        />
        <Select
          label="While the last one goes on"
          description="Its last execution has not ended."
          allowDeselect={false}
          data={choices(OVERLAP_WORDS)}
          value={form.overlap}
          error={fault('overlap')}
          onChange={(value) => set({ overlap: value as Overlap })}
        />
      </Group>
      <Group grow align="flex-start">
        <ConfigField form={form} set={set} fault={fault} />
        <NumberInput
          label="Priority"
          description={`0 to ${PRIORITY_MAX}. Of what waits, the higher goes first.`}
          min={0}
          max={PRIORITY_MAX}
          allowDecimal={false}
          value={form.priority}
          error={fault('priority')}
          onChange={(priority) => set({ priority })}
        />
      </Group>
    </>
  )
}

function ConfigField({ form, set, fault }: FieldsProps) {
  const { data = [] } = useQuery({ queryKey: ['configs'], queryFn: admin.configs })
  const fitting = data
    .filter(({ flow }) => flow === null || flow === form.flow)
    .map(({ config_id, profile, flow }) => ({
      value: config_id,
      label: `${profile} · ${flow ?? 'all flows'}`,
    }))
  const isListed = form.configId === null || fitting.some(({ value }) => value === form.configId)
  return (
    <Select
      label="Flow config"
      description="Time limits and secrets. Empty for the usual ones."
      placeholder="None"
      clearable
      clearButtonProps={{ 'aria-label': 'No flow config' }}
      searchable
      nothingFoundMessage="No config of this flow, or of all"
      data={isListed ? fitting : [...fitting, form.configId ?? '']}
      value={form.configId}
      error={fault('config_id')}
      onChange={(configId) => set({ configId })}
    />
  )
}
