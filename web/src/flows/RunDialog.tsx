import { Badge, Button, Group, Modal, Stack, Switch } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useState } from 'react'
import { api } from '../api/client'
import { Refused } from '../api/errors'
import type { Artifact, Json } from '../api/types'
import { MessageEditor } from '../forms/MessageEditor'
import { Trouble } from '../parts/Trouble'

interface RunProps {
  artifact: Artifact
  title?: string
  initial?: Json
  onClose: () => void
}

const MODES = {
  unary: 'Unary — single request / response',
  pipeline: 'Pipeline — a stream of frames',
}

/** Starts an execution of an artifact, with an input from a form. */
export function RunDialog({ artifact, title, initial, onClose }: RunProps) {
  const [input, setInput] = useState<Json>(initial ?? {})
  const [isDebug, setDebug] = useState(false)
  const [isReadable, setReadable] = useState(true)
  const run = useRun(artifact, onClose)
  const problems = run.error instanceof Refused ? run.error.problems : []
  const ofInput = problems.filter(({ path }) => path.startsWith('input'))
  const isShownInForm = ofInput.length > 0 && ofInput.length === problems.length
  return (
    <Modal opened onClose={onClose} size="lg" title={title ?? 'Run flow'}>
      <Stack gap="md">
        <Group justify="space-between">
          <Badge variant="light" tt="none" radius="sm">
            {MODES[artifact.mode]}
          </Badge>
          {artifact.mode === 'unary' && (
            <Switch
              label="Debug mode"
              labelPosition="left"
              description={isDebug ? 'It stops before every node.' : undefined}
              checked={isDebug}
              onChange={(event) => setDebug(event.currentTarget.checked)}
            />
          )}
        </Group>
        {run.error && !isShownInForm && <Trouble failure={run.error} />}
        <MessageEditor
          schema={artifact.input_schema}
          value={input}
          onChange={setInput}
          problems={ofInput}
          rootPath="input"
          onReadable={setReadable}
        />
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button
            leftSection={<Play size={15} />}
            loading={run.isPending}
            disabled={!isReadable}
            onClick={() => run.mutate({ input, isDebug })}
          >
            Run
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function useRun({ graph_id, mode }: Artifact, onDone: () => void) {
  const navigate = useNavigate()
  return useMutation({
    mutationFn: ({ input, isDebug }: { input: Json; isDebug: boolean }) => {
      if (mode === 'pipeline') return api.invokeStream(graph_id, input)
      return isDebug ? api.debug(graph_id, input) : api.invoke(graph_id, input)
    },
    onSuccess: ({ execution_id }) => {
      onDone()
      return navigate({ to: '/executions/$executionId', params: { executionId: execution_id } })
    },
  })
}
