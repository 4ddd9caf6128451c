/** A schedule as the fields of its dialog have it, and the body that they make. */
import type { CatchUp, Overlap, Schedule, ScheduleBody } from '../api/consoleTypes'
import type { Json } from '../api/types'
import { fromField, toField, ZONE } from '../parts/time'
import { type Kind, timingOf } from './timing'

export const PRIORITY_MAX = 9
const PRIORITY_DEFAULT = 5

export interface ScheduleForm {
  name: string
  graphId: string | null
  /** `handle/name` of the artifact's flow; null while it is not known. */
  flow: string | null
  input: Json
  kind: Kind
  cron: string
  every: number | string
  zone: string
  /** As a field for local times has them; empty for none. */
  startsAt: string
  endsAt: string
  catchUp: CatchUp
  overlap: Overlap
  configId: string | null
  priority: number | string
  isPaused: boolean
}

/** The fields as they are at first; null for a new schedule. */
export function formOf(schedule: Schedule | null): ScheduleForm {
  return {
    name: schedule?.name ?? '',
    graphId: schedule?.graph_id ?? null,
    flow: schedule?.flow ?? null,
    input: schedule?.input ?? {},
    kind: schedule?.every_seconds ? 'every' : 'cron',
    cron: schedule?.cron ?? '',
    every: schedule?.every_seconds ?? '',
    zone: schedule?.time_zone ?? ZONE,
    startsAt: toField(schedule?.starts_at ?? null),
    endsAt: toField(schedule?.ends_at ?? null),
    catchUp: schedule?.catch_up ?? 'none',
    overlap: schedule?.overlap ?? 'allow',
    configId: schedule?.config_id ?? null,
    priority: schedule?.priority ?? PRIORITY_DEFAULT,
    isPaused: false,
  }
}

/** What is told to the server; null while something is missing. before: null for a new one. */
export function bodyOfSchedule(form: ScheduleForm, before: Schedule | null): ScheduleBody | null {
  const timing = timingOf(form.kind, form.cron, form.every, form.zone)
  if (form.name.trim() === '' || form.graphId === null || timing === null) return null
  return {
    name: form.name.trim(),
    graph_id: form.graphId,
    input: form.input,
    ...timing,
    catch_up: form.catchUp,
    overlap: form.overlap,
    config_id: form.configId,
    priority: form.priority === '' ? PRIORITY_DEFAULT : Number(form.priority),
    starts_at: boundOf(form.startsAt, before?.starts_at ?? null),
    ends_at: boundOf(form.endsAt, before?.ends_at ?? null),
    ...(before === null && form.isPaused ? { paused: true } : {}),
  }
}

/** What nobody has touched stays to the letter: an hour that is there twice is not told apart. */
function boundOf(field: string, before: string | null): string | null {
  return field === toField(before) ? before : fromField(field)
}
