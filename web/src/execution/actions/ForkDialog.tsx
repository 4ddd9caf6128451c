import { Alert, Button, Checkbox, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, type ForkBody } from '../../api/client'
import { Refused } from '../../api/errors'
import type { Artifact, ExecutionDetail, Json } from '../../api/types'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import { absolute } from '../../parts/time'
import { useHistory } from '../data'
import { type CheckpointRow, checkpointRows } from '../tabs/checkpoints'
import { EditedOutput } from './EditedOutput'

interface ForkProps {
  execution: ExecutionDetail
  artifact: Artifact
  /** The seq of the checkpoint to begin with; null for the last one. */
  from: number | null
  onClose: () => void
}

/** Begins a new execution with what this one has done, up to a checkpoint. */
export function ForkDialog({ execution, artifact, from, onClose }: ForkProps) {
  const history = useHistory(execution.execution_id)
  const rows = useMemo(() => checkpointRows(artifact, history.events), [artifact, history.events])
  const isPending = !history.complete && history.failure === null && rows.length === 0
  return (
    <Modal opened onClose={onClose} size="lg" title="Fork this execution">
      {isPending && <Loading />}
      {history.failure !== null && <Trouble failure={history.failure} />}
      {history.complete && rows.length === 0 && (
        <Alert color="yellow">
          There is nothing to fork from yet: no node visit has completed.
        </Alert>
      )}
      {rows.length > 0 && (
        <ForkForm {...{ execution, artifact, rows, onClose }} from={from ?? lastSeq(rows)} />
      )}
    </Modal>
  )
}

const lastSeq = (rows: readonly CheckpointRow[]) => rows.at(-1)?.seq ?? 0

type FormProps = Omit<ForkProps, 'from'> & { rows: readonly CheckpointRow[]; from: number }

function ForkForm({ execution, artifact, rows, from, onClose }: FormProps) {
  const [seq, setSeq] = useState(from)
  const [graphId, setGraphId] = useState(artifact.graph_id)
  const [isEdited, setEdited] = useState(false)
  const [output, setOutput] = useState<Json | undefined>(undefined)
  const [isReadable, setReadable] = useState(true)
  const fork = useFork(execution.execution_id, onClose)
  const { error } = fork
  const problems = error instanceof Refused ? error.problems : []
  const ofOutput = problems.filter(({ path }) => path.startsWith('output'))
  const isShownInForm = isEdited && ofOutput.length > 0 && ofOutput.length === problems.length
  const begin = () => {
    const body: ForkBody = { from: seq }
    if (isEdited && output !== undefined) body.output = output
    if (graphId !== artifact.graph_id) body.graph_id = graphId
    fork.mutate(body)
  }
  const choose = (next: number) => {
    setSeq(next)
    setOutput(undefined)
    fork.reset()
  }
  return (
    <Stack gap="md">
      <Text size="sm">
        What was completed by the checkpoint is not run again; what was in flight begins anew. This
        execution stays as it is.
      </Text>
      <Select
        label="From the checkpoint"
        searchable
        allowDeselect={false}
        data={rows.map((row) => ({ value: `${row.seq}`, label: nameOf(row) }))}
        value={`${seq}`}
        onChange={(next) => next !== null && choose(Number(next))}
      />
      <ArtifactSelect artifact={artifact} value={graphId} onChange={setGraphId} />
      <Checkbox
        label="It returns something else"
        description="The edges behind it are decided by what you write here."
        checked={isEdited}
        onChange={(event) => setEdited(event.currentTarget.checked)}
      />
      {isEdited && (
        <EditedOutput
          key={seq}
          executionId={execution.execution_id}
          artifact={artifact}
          row={rows.find((row) => row.seq === seq)}
          value={output}
          onChange={setOutput}
          problems={ofOutput}
          onReadable={setReadable}
        />
      )}
      {error && !isShownInForm && <Trouble failure={error} />}
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
        <Button loading={fork.isPending} disabled={isEdited && !isReadable} onClick={begin}>
          Fork
        </Button>
      </Group>
    </Stack>
  )
}

function nameOf(row: CheckpointRow): string {
  return `${row.position} · ${absolute(row.completedAt)} · seq ${row.seq}`
}

/** Which artifact goes on: this one, or another of the same flow. */
function ArtifactSelect(props: {
  artifact: Artifact
  value: string
  onChange: (graphId: string) => void
}) {
  const { artifact, value, onChange } = props
  const others = useQuery({
    queryKey: ['artifacts', 'newest'],
    queryFn: () => api.artifacts({ limit: 1_000 }),
  })
  const fits = (others.data?.rows ?? []).filter(
    (row) =>
      row.flow === artifact.flow && row.mode === 'unary' && row.graph_id !== artifact.graph_id,
  )
  return (
    <Select
      label="On the artifact"
      description={
        fits.length === 0
          ? 'There is no other artifact of this flow.'
          : 'Another one must have every placement and edge that the history speaks of.'
      }
      allowDeselect={false}
      disabled={fits.length === 0}
      data={[
        { value: artifact.graph_id, label: `the same · ${artifact.graph_id}` },
        ...fits.map((row) => ({
          value: row.graph_id,
          label: `${absolute(row.created_at)} · ${row.graph_id}`,
        })),
      ]}
      value={value}
      onChange={(next) => next !== null && onChange(next)}
    />
  )
}

function useFork(id: string, onDone: () => void) {
  const navigate = useNavigate()
  return useMutation({
    mutationFn: (body: ForkBody) => api.fork(id, body),
    onSuccess: ({ execution_id }) => {
      onDone()
      notifications.show({ color: 'teal', title: 'Forked', message: 'This is the new execution.' })
      return navigate({ to: '/executions/$executionId', params: { executionId: execution_id } })
    },
  })
}
