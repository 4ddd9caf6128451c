import { ActionIcon, Button, NumberInput, PasswordInput, TextInput } from '@mantine/core'
import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { admin } from '../api/client'
import type { FlowConfig } from '../api/consoleTypes'
import { bodyOf, type SecretRow } from './configBody'
import classes from './console.module.css'
import { faultAt } from './faults'
import { FormDialog, useChange } from './parts'

const FIELDS = ['profile', 'flow', 'node_timeout_seconds', 'secrets']

interface Props {
  /** Null for a new one. */
  config: FlowConfig | null
  queryKey: readonly string[]
  onClose: () => void
}

/** The fields of a flow config. Values of secrets that are left empty stay as they are. */
export function ConfigDialog({ config, queryKey, onClose }: Props) {
  const [flow, setFlow] = useState(config?.flow ?? '')
  const [profile, setProfile] = useState(config?.profile ?? '')
  const [seconds, setSeconds] = useState<number | string>(config?.node_timeout_seconds ?? '')
  const [secrets, setSecrets] = useState<readonly SecretRow[]>(
    () => config?.secrets.map((name) => ({ name, value: '', isKept: true })) ?? [],
  )
  const body = bodyOf({ flow, profile, seconds, secrets })
  const save = useChange(async () => {
    if (body === null) return
    await (config === null ? admin.createConfig(body) : admin.replaceConfig(config.config_id, body))
  }, queryKey)
  return (
    <FormDialog
      title={config === null ? 'Add a flow config' : `Edit ${config.profile}`}
      submit={config === null ? 'Add' : 'Save'}
      isPending={save.isPending}
      isReady={body !== null}
      failure={save.error}
      fields={FIELDS}
      onSubmit={() => save.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      size="lg"
    >
      <TextInput
        label="Profile"
        placeholder="production"
        data-autofocus
        value={profile}
        error={faultAt(save.error, 'profile')}
        onChange={(event) => setProfile(event.currentTarget.value)}
      />
      <TextInput
        label="Flow"
        placeholder="handle/name"
        description={
          config === null ? 'Empty for all flows.' : 'It stays the flow that it was made for.'
        }
        readOnly={config !== null}
        value={flow}
        error={faultAt(save.error, 'flow')}
        onChange={(event) => setFlow(event.currentTarget.value)}
      />
      <NumberInput
        label="Node time limit, in seconds"
        description="Empty for the box's own."
        min={0}
        value={seconds}
        error={faultAt(save.error, 'node_timeout_seconds')}
        onChange={setSeconds}
      />
      <SecretRows rows={secrets} onChange={setSecrets} failure={save.error} />
    </FormDialog>
  )
}

function SecretRows(props: {
  rows: readonly SecretRow[]
  onChange: (rows: readonly SecretRow[]) => void
  failure: unknown
}) {
  const { rows, onChange, failure } = props
  const set = (at: number, changed: Partial<SecretRow>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...changed } : row)))
  return (
    <fieldset className={classes.fieldset}>
      <legend>Secrets</legend>
      {rows.map((row, index) => (
        <div key={index} className={classes.pair}>
          <TextInput
            aria-label={`Name of secret ${index + 1}`}
            placeholder="API_TOKEN"
            readOnly={row.isKept}
            value={row.name}
            onChange={(event) => set(index, { name: event.currentTarget.value })}
          />
          <PasswordInput
            aria-label={`Value of secret ${index + 1}`}
            placeholder={row.isKept ? 'stays as it is' : 'value'}
            autoComplete="new-password"
            visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
            value={row.value}
            error={faultAt(failure, `secrets.${row.name.trim()}`)}
            onChange={(event) => set(index, { value: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove secret ${index + 1}`}
            onClick={() => onChange(rows.filter((_, at) => at !== index))}
          >
            <Trash2 size={15} />
          </ActionIcon>
        </div>
      ))}
      <Button
        variant="default"
        size="xs"
        leftSection={<Plus size={13} />}
        onClick={() => onChange([...rows, { name: '', value: '', isKept: false }])}
      >
        Add a secret
      </Button>
    </fieldset>
  )
}
