import { useQuery } from '@tanstack/react-query'
import { api } from '../../api/client'
import type { Artifact, Json, Problem } from '../../api/types'
import { MessageEditor } from '../../forms/MessageEditor'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import type { CheckpointRow } from '../tabs/checkpoints'
import { useOutputSchema } from './messages'

interface EditedProps {
  executionId: string
  artifact: Artifact
  row: CheckpointRow | undefined
  /** Undefined as long as it is what was recorded. */
  value: Json | undefined
  onChange: (value: Json) => void
  problems: readonly Problem[]
  onReadable: (isReadable: boolean) => void
}

/** What a visit returns in a fork, beginning with what was recorded. */
export function EditedOutput(props: EditedProps) {
  const { executionId, artifact, row, value, onChange, problems, onReadable } = props
  const node = artifact.nodes.find(({ alias }) => alias === row?.placement)
  const schema = useOutputSchema(node)
  const recorded = useQuery({
    queryKey: ['checkpoint', executionId, row?.seq],
    queryFn: () => api.checkpoint(executionId, row?.seq ?? 0),
    enabled: row !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (recorded.error) return <Trouble failure={recorded.error} />
  if (recorded.data === undefined || schema.isPending) return <Loading />
  return (
    <MessageEditor
      schema={schema.schema}
      value={value ?? recorded.data.output}
      onChange={onChange}
      problems={problems}
      rootPath="output"
      onReadable={onReadable}
    />
  )
}
