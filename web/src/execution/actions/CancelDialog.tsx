import { Button, Checkbox, Group, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../api/client'
import type { Artifact, CancelReceipt, ExecutionDetail, Stopped } from '../../api/types'
import { StatusBadge } from '../../parts/StatusBadge'
import { Trouble } from '../../parts/Trouble'
import { durationText } from '../../parts/time'
import classes from './actions.module.css'

interface CancelProps {
  execution: ExecutionDetail
  artifact: Artifact
  onClose: () => void
}

/** Asks whether an execution is to end, and shows the receipt of its cancel. */
export function CancelDialog({ execution, artifact, onClose }: CancelProps) {
  const id = execution.execution_id
  const client = useQueryClient()
  const [compensate, setCompensate] = useState(false)
  const cancel = useMutation({
    mutationFn: () => api.cancel(id, compensate),
    onSettled: () => client.invalidateQueries({ queryKey: ['execution', id] }),
  })
  const undoes = artifact.nodes.filter((node) => node.compensate !== null)
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={cancel.data ? 'Receipt of the cancel' : 'Cancel this execution?'}
    >
      {cancel.data ? (
        <Receipt receipt={cancel.data} ownId={id} onClose={onClose} />
      ) : (
        <Stack gap="md">
          <Text size="sm">
            Whatever of it runs is stopped, with all of its child executions. The answer comes when
            everything is dead.
          </Text>
          <Checkbox
            label="Undo what has been done"
            description={
              undoes.length > 0
                ? `Completed visits of ${undoes.map((node) => node.alias).join(', ')} are undone first, the last one first.`
                : 'No placement of this flow names a node that undoes it.'
            }
            disabled={undoes.length === 0}
            checked={compensate}
            onChange={(event) => setCompensate(event.currentTarget.checked)}
          />
          {cancel.error && <Trouble failure={cancel.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Keep it running
            </Button>
            <Button color="red" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              {compensate ? 'Undo and cancel' : 'Cancel execution'}
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  )
}

function Receipt(props: { receipt: CancelReceipt; ownId: string; onClose: () => void }) {
  const { receipt, ownId, onClose } = props
  return (
    <Stack gap="md">
      <Group gap="sm">
        <StatusBadge status={receipt.status} />
        <Text size="sm">{outcome(receipt)}</Text>
      </Group>
      {receipt.stopped.length > 0 && (
        <table className={classes.table}>
          <thead>
            <tr>
              <th>Stopped</th>
              <th>Attempt</th>
              <th>How</th>
              <th>Took</th>
            </tr>
          </thead>
          <tbody>
            {receipt.stopped.map((one) => (
              <StoppedRow
                key={`${one.execution_id} ${one.placement} ${one.attempt}`}
                stopped={one}
                ownId={ownId}
              />
            ))}
          </tbody>
        </table>
      )}
      <Group justify="flex-end">
        <Button onClick={onClose}>Close</Button>
      </Group>
    </Stack>
  )
}

function StoppedRow({ stopped, ownId }: { stopped: Stopped; ownId: string }) {
  return (
    <tr>
      <td>
        <b className="ax-mono">{stopped.placement}</b>
        {stopped.execution_id !== ownId && (
          <>
            {' of '}
            <Link
              className={classes.link}
              to="/executions/$executionId"
              params={{ executionId: stopped.execution_id }}
            >
              {stopped.execution_id}
            </Link>
          </>
        )}
      </td>
      <td>{stopped.attempt}</td>
      <td>
        {stopped.how === 'killed' ? 'its process was killed' : 'it stopped when it was asked to'}
      </td>
      <td className="ax-mono">{durationText(stopped.ms)}</td>
    </tr>
  )
}

function outcome({ status, stopped }: CancelReceipt): string {
  const count = stopped.length
  const calls = count === 1 ? 'One node call was stopped.' : `${count} node calls were stopped.`
  const said = count === 0 ? 'Nothing was running.' : calls
  return status === 'CANCELLED' ? said : `${said} It is undone now.`
}
