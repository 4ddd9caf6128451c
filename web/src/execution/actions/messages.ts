/** The schema of what a placement returns, from the package or the artifact that it runs. */
import { useQuery } from '@tanstack/react-query'
import { api } from '../../api/client'
import type { ArtifactNode, PackageDetail, Schema } from '../../api/types'

export interface FoundSchema {
  /** Null if it cannot be known: then there is JSON only. */
  schema: Schema | null
  isPending: boolean
}

export function useOutputSchema(node: ArtifactNode | undefined): FoundSchema {
  const query = useQuery({
    queryKey: ['output-schema', node?.package, node?.subflow, node?.output],
    queryFn: () => (node ? outputSchema(node) : null),
    enabled: node !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
  return { schema: query.data ?? null, isPending: node !== undefined && query.isPending }
}

async function outputSchema(node: ArtifactNode): Promise<Schema | null> {
  if (node.subflow !== null) return (await api.artifact(node.subflow)).output_schema
  return node.package === null ? null : ofMessage(await api.package(node.package), node.output)
}

function ofMessage({ messages }: PackageDetail, name: string): Schema | null {
  const found = Object.values(messages).find((schema) => schema.title === name)
  return found ?? messages[name.split('.').at(-1) ?? name] ?? null
}
