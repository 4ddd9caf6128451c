import { Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { admin } from '../api/client'
import type { Tenant } from '../api/consoleTypes'
import { sessionQuery } from '../app/query'
import { Moment } from '../parts/Moment'
import classes from './console.module.css'
import { Answer, Section, Subject } from './parts'
import { Rows } from './Rows'
import { Word } from './Word'

/** Who shares this box. */
export function TenantsPage() {
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: admin.tenants })
  const session = useQuery(sessionQuery)
  return (
    <Subject
      title="Tenants"
      about="Who shares this box. A tenant sees nothing of another; the one that runs the box sees them all."
    >
      <Section title="Tenants">
        <Answer query={tenants}>
          {(rows) => <Found rows={rows} own={session.data?.tenant} />}
        </Answer>
      </Section>
    </Subject>
  )
}

function Found({ rows, own }: { rows: readonly Tenant[]; own: string | undefined }) {
  return (
    <Rows label="Tenants" columns={['Tenant', 'Name', 'State', 'Keys', 'Kept for', 'Created']}>
      {rows.map((row) => (
        <Table.Tr key={row.tenant}>
          <Table.Td className="ax-mono">
            {row.tenant}
            {row.tenant === own && <span className={classes.own}>yours</span>}
          </Table.Td>
          <Table.Td>{row.name}</Table.Td>
          <Table.Td>
            <Word tone={row.disabled ? 'failed' : 'completed'}>
              {row.disabled ? 'Disabled' : 'Active'}
            </Word>
          </Table.Td>
          <Table.Td>{row.keys}</Table.Td>
          <Table.Td>
            {row.retention_days === null ? (
              <span className="ax-dim">as the box</span>
            ) : (
              `${row.retention_days} days`
            )}
          </Table.Td>
          <Table.Td>
            <Moment at={row.created_at} />
          </Table.Td>
        </Table.Tr>
      ))}
    </Rows>
  )
}
