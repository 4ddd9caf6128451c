/** Where on a form each problem of the server is shown. */
import type { Json, Problem, Schema } from '../api/types'
import { below, isMembers } from './paths'
import { kindOf, resolve } from './schema'

export type Placed = ReadonlyMap<string, readonly string[]>

/** What is drawn of an unset message; deeper ones wait to be opened. */
const UNSET_DEPTH_MAX = 3

/** The paths of all fields that a form of this value may show. */
export function fieldPaths(schema: Schema, value: Json | undefined, path: string): Set<string> {
  const found = new Set<string>()
  collect(found, schema, schema, value, path, 0)
  return found
}

function collect(
  found: Set<string>,
  root: Schema,
  schema: Schema,
  value: Json | undefined,
  path: string,
  unset: number,
): void {
  found.add(path)
  if (unset > UNSET_DEPTH_MAX) return
  const known = resolve(schema, root)
  const kind = kindOf(known)
  if (kind === 'message') {
    const depth = isMembers(value) ? 0 : unset + 1
    for (const [name, field] of Object.entries(known.properties ?? {})) {
      const member = isMembers(value) ? value[name] : undefined
      collect(found, root, field, member, below(path, name), depth)
    }
  } else if (kind === 'list' && Array.isArray(value) && known.items) {
    const item = known.items
    value.forEach((one, index) => {
      collect(found, root, item, one, below(path, index), 0)
    })
  } else if (kind === 'map' && isMembers(value) && typeof known.additionalProperties === 'object') {
    for (const [key, one] of Object.entries(value)) {
      collect(found, root, known.additionalProperties, one, below(path, key), 0)
    }
  }
}

/**
 * The problems by the field that they are shown at: the one that they name, or else the innermost
 * around it. What is about none of the form's fields is shown at its top.
 */
export function place(
  problems: readonly Problem[],
  paths: ReadonlySet<string>,
  rootPath: string,
): Placed {
  const placed = new Map<string, string[]>()
  for (const { path, message } of problems) {
    const home = nearest(path, paths) ?? rootPath
    const words = home === path ? message : `${rest(path, home)}: ${message}`
    placed.set(home, [...(placed.get(home) ?? []), words])
  }
  return placed
}

function nearest(path: string, paths: ReadonlySet<string>): string | null {
  if (paths.has(path)) return path
  for (let end = path.length - 1; end > 0; end--) {
    const next = path[end]
    if ((next === '.' || next === '[') && paths.has(path.slice(0, end))) return path.slice(0, end)
  }
  return null
}

function rest(path: string, home: string): string {
  return path.startsWith(home) ? path.slice(home.length).replace(/^\./, '') : path
}

/** Whether anything inside of `path` has a problem. */
export function hasBelow(placed: Placed, path: string): boolean {
  for (const home of placed.keys()) {
    if (home.startsWith(`${path}.`) || home.startsWith(`${path}[`)) return true
  }
  return false
}
