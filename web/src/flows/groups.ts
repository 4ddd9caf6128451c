/** Artifacts by the flow that they were compiled from. */
import type { ArtifactSummary } from '../api/types'

export interface FlowGroup {
  flow: string
  /** Newest first; there is at least one. */
  newest: ArtifactSummary
  older: ArtifactSummary[]
}

/** Flows in the order of their newest artifact. */
export function groups(artifacts: readonly ArtifactSummary[]): FlowGroup[] {
  const found = new Map<string, FlowGroup>()
  const sorted = [...artifacts].sort((one, other) => (one.created_at < other.created_at ? 1 : -1))
  for (const artifact of sorted) {
    const group = found.get(artifact.flow)
    if (group === undefined) {
      found.set(artifact.flow, { flow: artifact.flow, newest: artifact, older: [] })
    } else group.older.push(artifact)
  }
  return [...found.values()]
}

/** Whether what somebody looks for is in a flow's name, its description, or an artifact's ID. */
export function isFound(group: FlowGroup, wanted: string): boolean {
  const word = wanted.trim().toLowerCase()
  const texts = [group.flow, group.newest.description]
  const ids = [group.newest, ...group.older].map((artifact) => artifact.graph_id)
  return [...texts, ...ids].some((text) => text.toLowerCase().includes(word))
}
