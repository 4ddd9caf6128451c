import { Button, PasswordInput, Table, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { admin } from '../api/client'
import type { Secret } from '../api/consoleTypes'
import { Blank } from '../parts/Blank'
import { TimeOf } from '../parts/Moment'
import classes from './console.module.css'
import { faultAt } from './faults'
import { AddButton, Answer, Confirmed, FormDialog, Section, Subject, useChange } from './parts'
import { Actions, Rows, useFirst } from './Rows'

const SECRETS = ['secrets'] as const

/** What nodes are handed that nobody else may read. */
export function SecretsPage() {
  const secrets = useQuery({ queryKey: SECRETS, queryFn: admin.secrets })
  /** The name to set: empty for a new one. */
  const [edited, setEdited] = useState<string | null>(null)
  return (
    <Subject
      title="Secrets"
      about="Values for nodes that declare them. They are kept sealed: a value goes in, and none comes out again."
      action={
        <AddButton query={secrets} onAdd={() => setEdited('')}>
          Add secret
        </AddButton>
      }
    >
      <Section title="Secrets" isAlone>
        <Answer query={secrets}>{(rows) => <Found rows={rows} onReplace={setEdited} />}</Answer>
      </Section>
      {edited !== null && <SetSecret name={edited} onClose={() => setEdited(null)} />}
    </Subject>
  )
}

function Found(props: { rows: readonly Secret[]; onReplace: (name: string) => void }) {
  const { first, more } = useFirst(props.rows)
  const remove = useChange((name: string) => admin.deleteSecret(name), SECRETS)
  if (props.rows.length === 0)
    return (
      <Blank
        title="No secrets"
        text="A node reads one by the name that its package declares. Add one here, or from a terminal with"
        command="axiomd secrets set API_TOKEN"
      />
    )
  return (
    <>
      <Rows label="Secrets" columns={['Name', 'Created', 'Updated', '']}>
        {first.map((row) => (
          <Table.Tr key={row.name}>
            <Table.Td className={`ax-mono ${classes.name}`}>{row.name}</Table.Td>
            <Table.Td>
              <TimeOf at={row.created_at} />
            </Table.Td>
            <Table.Td>
              <TimeOf at={row.updated_at} />
            </Table.Td>
            <Actions>
              <Button
                variant="default"
                size="xs"
                aria-label={`Replace ${row.name}`}
                onClick={() => props.onReplace(row.name)}
              >
                Replace
              </Button>
              <Confirmed
                label="Delete"
                name={row.name}
                title={`Delete ${row.name}?`}
                confirm="Delete"
                act={() => remove.mutateAsync(row.name)}
              >
                Nodes that need it fail from their next call on.
              </Confirmed>
            </Actions>
          </Table.Tr>
        ))}
      </Rows>
      {more}
    </>
  )
}

function SetSecret({ name: given, onClose }: { name: string; onClose: () => void }) {
  const [name, setName] = useState(given)
  const [value, setValue] = useState('')
  const put = useChange(() => admin.putSecret(name.trim(), value), SECRETS)
  return (
    <FormDialog
      title={given ? `Replace ${given}` : 'Add a secret'}
      submit={given ? 'Replace' : 'Add'}
      isPending={put.isPending}
      isReady={name.trim() !== '' && value !== ''}
      failure={put.error}
      fields={given ? ['value'] : ['name', 'value']}
      onSubmit={() => put.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    >
      {!given && (
        <TextInput
          label="Name"
          placeholder="API_TOKEN"
          description="Capital letters, digits and underscores."
          data-autofocus
          value={name}
          error={faultAt(put.error, 'name')}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      )}
      <PasswordInput
        label="Value"
        description="It cannot be read again, only replaced."
        autoComplete="new-password"
        data-autofocus={given ? true : undefined}
        visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        value={value}
        error={faultAt(put.error, 'value')}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
    </FormDialog>
  )
}
