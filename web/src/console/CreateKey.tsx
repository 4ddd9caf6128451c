import { Button, CopyButton, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Check, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { admin } from '../api/client'
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
  const made = create.data
  if (made)
    return (
      <FormDialog
        key="dialog"
        title={`The key ${made.name}`}
        submit="I have kept it"
        isPending={false}
        failure={null}
        onSubmit={onClose}
        onClose={onClose}
      >
        <MadeKey text={made.key} />
      </FormDialog>
    )
  return (
    <FormDialog
      key="dialog"
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

function MadeKey({ text }: { text: string }) {
  const copier = useRef<HTMLButtonElement>(null)
  useEffect(() => copier.current?.focus(), [])
  return (
    <>
      <div>It is shown this once: keep it where only those can read it who may use it.</div>
      <code className={classes.shownKey} data-testid="new-key">
        {text}
      </code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button
            ref={copier}
            variant="default"
            leftSection={copied ? <Check size={15} /> : <Copy size={15} />}
            onClick={copy}
          >
            {copied ? 'Copied' : 'Copy the key'}
          </Button>
        )}
      </CopyButton>
    </>
  )
}
