import type { ConfigBody } from '../api/consoleTypes'

export interface SecretRow {
  name: string
  value: string
  /** It is there already: without a value it stays as it is. */
  isKept: boolean
}

interface Fields {
  flow: string
  profile: string
  seconds: number | string
  secrets: readonly SecretRow[]
}

/** The body that the fields make; null while something is missing. */
export function bodyOf({ flow, profile, seconds, secrets }: Fields): ConfigBody | null {
  const isWhole = secrets.every((row) => row.name.trim() !== '' && (row.isKept || row.value !== ''))
  const names = new Set(secrets.map((row) => row.name.trim()))
  if (profile.trim() === '' || !isWhole || names.size < secrets.length) return null
  return {
    flow: flow.trim() || null,
    profile: profile.trim(),
    node_timeout_seconds: seconds === '' ? null : Number(seconds),
    secrets: Object.fromEntries(
      secrets.map((row) => [row.name.trim(), row.value === '' ? null : row.value]),
    ),
  }
}
