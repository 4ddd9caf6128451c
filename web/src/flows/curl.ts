/** How an artifact is invoked from a shell. */
import type { Artifact, Json, Mode } from '../api/types'

const PATHS: Record<Mode, string> = {
  unary: '/invocations/v1/flows/invoke',
  pipeline: '/invocations/v1/flows/invoke/stream',
}

export function invokePath({ mode }: Pick<Artifact, 'mode'>): string {
  return PATHS[mode]
}

/** A command to copy; the key stays in the shell's environment. */
export function curlText(
  origin: string,
  artifact: Pick<Artifact, 'mode' | 'graph_id'>,
  input: Json,
): string {
  const isStream = artifact.mode === 'pipeline'
  const body = JSON.stringify(
    isStream
      ? { graph_id: artifact.graph_id, input }
      : { graph_id: artifact.graph_id, input, wait: true },
    null,
    2,
  )
  return [
    `curl ${isStream ? '-N ' : ''}-X POST ${quoted(origin + invokePath(artifact))}`,
    `  -H "Authorization: Bearer $AXIOMD_API_KEY"`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${quoted(body)}`,
  ].join(' \\\n')
}

/** As one word of a POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
