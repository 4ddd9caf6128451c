import { Button, Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { admin } from '../api/client'
import type { ApiKey } from '../api/consoleTypes'
import type { Session } from '../api/types'
import { sessionQuery } from '../app/query'
import { Blank } from '../parts/Blank'
import { CopyText } from '../parts/CopyText'
import { Moment, TimeOf } from '../parts/Moment'
import { CreateKey, KEYS } from './CreateKey'
import classes from './console.module.css'
import { Answer, Confirmed, Section, Subject, useChange } from './parts'
import { Actions, Rows, useFirst } from './Rows'

/** Who is signed in, and who else can be. */
export function KeysPage() {
  const session = useQuery(sessionQuery)
  const keys = useQuery({ queryKey: KEYS, queryFn: admin.keys })
  const [isCreating, setCreating] = useState(false)
  return (
    <Subject
      title="API Keys"
      about="What programs and people prove themselves with. A key is shown once, when it is made."
      action={
        <Button leftSection={<Plus size={15} />} onClick={() => setCreating(true)}>
          Create key
        </Button>
      }
    >
      <Section title="Signed in">{session.data && <SignedIn session={session.data} />}</Section>
      <Section title="API keys">
        <Answer query={keys}>{(rows) => <Keys keys={rows} session={session.data} />}</Answer>
      </Section>
      <Section title="On the server’s machine">
        <Commands />
      </Section>
      {isCreating && <CreateKey onClose={() => setCreating(false)} />}
    </Subject>
  )
}

function SignedIn({ session }: { session: Session }) {
  return (
    <dl className={classes.facts}>
      <dt>Tenant</dt>
      <dd>
        <CopyText text={session.tenant} label="tenant" />
      </dd>
      <dt>Key</dt>
      <dd>
        {session.key.name} <span className="ax-mono ax-dim">{session.key.first8}…</span>
      </dd>
      <dt>Until</dt>
      <dd>
        <Moment at={session.expires_at} />
      </dd>
    </dl>
  )
}

function Keys({ keys, session }: { keys: readonly ApiKey[]; session: Session | undefined }) {
  const { first, more } = useFirst(keys)
  const own = session?.key.first8
  const revoke = useChange((first8: string) => admin.revokeKey(first8), KEYS)
  const hasUse = keys.some((key) => key.last_used_at !== undefined)
  if (keys.length === 0)
    return (
      <Blank
        title="No API keys"
        text="Create one here, or on the server’s machine with"
        command="axiomd keys create --name NAME"
      />
    )
  const columns = ['Name', 'Key', 'Created', ...(hasUse ? ['Last used'] : []), '']
  return (
    <>
      <Rows label="API keys" columns={columns}>
        {first.map((key) => {
          const first8 = key.key.slice(0, 8)
          const isOwn = first8 === own
          return (
            <Table.Tr key={key.key}>
              <Table.Td className={classes.name}>
                {key.name}
                {isOwn && <span className={classes.own}>yours</span>}
              </Table.Td>
              <Table.Td className={`ax-mono ${classes.nowrap}`}>{key.key}</Table.Td>
              <Table.Td>
                <TimeOf at={key.created_at} />
              </Table.Td>
              {hasUse && (
                <Table.Td>
                  <TimeOf at={key.last_used_at ?? null} none="never" />
                </Table.Td>
              )}
              <Actions>
                <Confirmed
                  label="Revoke"
                  name={`${key.name} ${first8}`}
                  title={`Revoke the key ${key.name}?`}
                  confirm="Revoke"
                  act={() => revoke.mutateAsync(first8)}
                >
                  Requests with {key.key} are refused at once, and its sessions end.
                  {isOwn && ' This is the key that you are signed in with.'}
                </Confirmed>
              </Actions>
            </Table.Tr>
          )
        })}
      </Rows>
      {more}
    </>
  )
}

const COMMANDS = [
  ['axiomd keys create --name NAME', 'makes a key, and shows it once'],
  ['axiomd keys revoke FIRST8', 'ends a key and all of its sessions at once'],
  ['axiomd login-link', 'makes a link that signs a browser in, once'],
] as const

function Commands() {
  return (
    <dl className={classes.facts} data-wide>
      {COMMANDS.map(([command, does]) => (
        <div key={command} className={classes.fact}>
          <dt>
            <CopyText text={command} label={command} />
          </dt>
          <dd className="ax-dim">{does}</dd>
        </div>
      ))}
    </dl>
  )
}
