import { Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { api } from '../api/client'
import type { ApiKey, Session } from '../api/types'
import { sessionQuery } from '../app/query'
import { useTitle } from '../app/title'
import { Blank } from '../parts/Blank'
import { CopyText } from '../parts/CopyText'
import { Loading } from '../parts/Loading'
import { Moment } from '../parts/Moment'
import { Trouble } from '../parts/Trouble'
import classes from './console.module.css'

/** Who is signed in, and who else can be. */
export function ConsolePage() {
  useTitle('Console')
  const session = useQuery(sessionQuery)
  const keys = useQuery({ queryKey: ['keys'], queryFn: api.keys })
  return (
    <div className="ax-page">
      <div className={classes.page}>
        <h1>Console</h1>
        <Section title="Signed in">{session.data && <SignedIn session={session.data} />}</Section>
        <Section title="API keys">
          {keys.data && <Keys keys={keys.data} own={session.data?.key.first8} />}
          {keys.isPending && <Loading lines={3} />}
          {keys.isError && <Trouble failure={keys.error} onRetry={() => void keys.refetch()} />}
        </Section>
        <Section title="On the server’s machine">
          <Commands />
        </Section>
      </div>
    </div>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={title}>
      <h2>{title}</h2>
      <div className="ax-panel">{children}</div>
    </section>
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

function Keys({ keys, own }: { keys: readonly ApiKey[]; own: string | undefined }) {
  if (keys.length === 0)
    return <Blank title="No API keys" text="Make one with axiomd keys create." />
  return (
    <Table className={classes.keys} aria-label="API keys">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">Name</Table.Th>
          <Table.Th scope="col">Key</Table.Th>
          <Table.Th scope="col">Created</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {keys.map((key) => (
          <Table.Tr key={key.key}>
            <Table.Td>
              {key.name}
              {own && key.key.startsWith(own) && <span className={classes.own}>yours</span>}
            </Table.Td>
            <Table.Td className="ax-mono">{key.key}</Table.Td>
            <Table.Td>
              <Moment at={key.created_at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
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
