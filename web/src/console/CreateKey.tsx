import { TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { admin } from '../api/client'
import { CopyIcon } from '../parts/CopyText'
import classes from './console.module.css'
import { faultAt } from './faults'
import { FormDialog, useChange } from './parts'
import { TENANTS } from './TenantSelect'

export const KEYS = ['keys'] as const

interface Props {
  /** Another tenant than one's own, for the operator. */
  tenant?: string
  onClose: () => void
}

/** Makes a key, and shows it this once. */
export function CreateKey({ tenant, onClose }: Props) {
  const [name, setName] = useState('')
  const client = useQueryClient()
  const create = useChange(async (given: string) => {
    const made = await admin.createKey(given, tenant)
    void client.invalidateQueries({ queryKey: TENANTS })
    return made
  }, KEYS)
  if (create.data)
    return <MadeKey name={create.data.name} text={create.data.key} onClose={onClose} />
  return (
    <FormDialog
      title={tenant === undefined ? 'Create an API key' : `Create an API key of ${tenant}`}
      submit="Create"
      isPending={create.isPending}
      isReady={name.trim() !== ''}
      failure={create.error}
      fields={['name']}
      onSubmit={() => create.mutate(name.trim())}
      onClose={onClose}
    >
      <TextInput
        label="Name"
        description="Whoever or whatever is to use it."
        data-autofocus
        value={name}
        error={faultAt(create.error, 'name')}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  )
}

function MadeKey(props: { name: string; text: string; onClose: () => void }) {
  const { name, text, onClose } = props
  return (
    <FormDialog
      title={`The key ${name}`}
      submit="I have kept it"
      isPending={false}
      failure={null}
      onSubmit={onClose}
      onClose={onClose}
    >
      <div>It is shown this once: keep it where only those can read it who may use it.</div>
      <div className={classes.withCopy}>
        <code className={classes.shownKey} data-testid="new-key">
          {text}
        </code>
        <CopyIcon text={text} label="key" />
      </div>
    </FormDialog>
  )
}
