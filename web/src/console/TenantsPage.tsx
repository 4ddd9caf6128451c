import { Button, Menu, Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { MoreHorizontal } from 'lucide-react'
import { useState } from 'react'
import { admin } from '../api/client'
import type { Tenant } from '../api/consoleTypes'
import { OPERATOR, sessionQuery } from '../app/query'
import { TimeOf } from '../parts/Moment'
import { CreateKey } from './CreateKey'
import classes from './console.module.css'
import { LimitsDialog } from './LimitsDialog'
import { AddButton, Answer, Confirmed, Section, Subject, useChange } from './parts'
import { Actions, Rows, useFirst } from './Rows'
import { AddTenant, EditTenant } from './TenantDialog'
import { TENANTS } from './TenantSelect'
import { keptText } from './tenantWords'
import { Word } from './Word'

/** What is open, and of which tenant. */
type Open = { is: 'add' } | { is: 'edit' | 'limits' | 'key'; tenant: Tenant } | null

/** Who shares this box. */
export function TenantsPage() {
  const tenants = useQuery({ queryKey: TENANTS, queryFn: admin.tenants })
  const { data: session } = useQuery(sessionQuery)
  const [open, setOpen] = useState<Open>(null)
  const mayChange = session?.tenant === OPERATOR
  return (
    <Subject
      title="Tenants"
      about="Who shares this box. A tenant sees nothing of another; the one that runs the box sees and changes them all."
      action={
        mayChange && (
          <AddButton query={tenants} onAdd={() => setOpen({ is: 'add' })}>
            Add tenant
          </AddButton>
        )
      }
    >
      <Section title="Tenants" isAlone>
        <Answer query={tenants}>
          {(rows) => (
            <Found rows={rows} own={session?.tenant} onOpen={mayChange ? setOpen : undefined} />
          )}
        </Answer>
      </Section>
      <Dialog open={open} onClose={() => setOpen(null)} />
    </Subject>
  )
}

function Dialog({ open, onClose }: { open: Open; onClose: () => void }) {
  switch (open?.is) {
    case 'add':
      return <AddTenant onClose={onClose} />
    case 'edit':
      return <EditTenant tenant={open.tenant} onClose={onClose} />
    case 'limits':
      return <LimitsDialog tenant={open.tenant.tenant} onClose={onClose} />
    case 'key':
      return <CreateKey tenant={open.tenant.tenant} onClose={onClose} />
    default:
      return null
  }
}

interface FoundProps {
  rows: readonly Tenant[]
  own: string | undefined
  /** Undefined for who may change nothing. */
  onOpen: ((open: Open) => void) | undefined
}

function Found({ rows, own, onOpen }: FoundProps) {
  const { first, more } = useFirst(rows)
  const columns = ['Tenant', 'State', 'Keys', 'Executions kept', 'Created', ...(onOpen ? [''] : [])]
  return (
    <>
      <Rows label="Tenants" columns={columns}>
        {first.map((row) => (
          <Table.Tr key={row.tenant}>
            <Table.Td className={classes.name}>
              <Link
                className={classes.named}
                to="/console/usage"
                search={row.tenant === own ? {} : { tenant: row.tenant }}
                title={`What ${row.tenant} uses`}
              >
                {row.name}
              </Link>
              {row.tenant === own && <span className={classes.own}>yours</span>}
              {row.name !== row.tenant && <div className={classes.below}>{row.tenant}</div>}
            </Table.Td>
            <Table.Td>
              <Word tone={row.disabled ? 'failed' : 'completed'}>
                {row.disabled ? 'Disabled' : 'Active'}
              </Word>
            </Table.Td>
            <Table.Td>{row.keys}</Table.Td>
            <Table.Td
              className={row.retention_days === null ? `ax-dim ${classes.nowrap}` : classes.nowrap}
            >
              {keptText(row.retention_days)}
            </Table.Td>
            <Table.Td>
              <TimeOf at={row.created_at} />
            </Table.Td>
            {onOpen && <TenantActions tenant={row} onOpen={onOpen} />}
          </Table.Tr>
        ))}
      </Rows>
      {more}
    </>
  )
}

function TenantActions({ tenant, onOpen }: { tenant: Tenant; onOpen: (open: Open) => void }) {
  const { tenant: id, disabled } = tenant
  const search = id === OPERATOR ? {} : { tenant: id }
  return (
    <Actions>
      <Button
        variant="default"
        size="xs"
        aria-label={`Edit ${id}`}
        onClick={() => onOpen({ is: 'edit', tenant })}
      >
        Edit
      </Button>
      {id !== OPERATOR && <Ability tenant={id} isDisabled={disabled} />}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button variant="default" size="xs" px={8} aria-label={`More for ${id}`}>
            <MoreHorizontal size={14} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => onOpen({ is: 'limits', tenant })}>Limits</Menu.Item>
          <Menu.Item onClick={() => onOpen({ is: 'key', tenant })}>Create an API key</Menu.Item>
          <Menu.Item component={Link} to="/console/usage" {...({ search } as object)}>
            Usage
          </Menu.Item>
          <Menu.Item component={Link} to="/console/audit" {...({ search } as object)}>
            Audit log
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Actions>
  )
}

/** Whether a tenant comes in. */
function Ability({ tenant, isDisabled }: { tenant: string; isDisabled: boolean }) {
  const change = useChange((disabled: boolean) => admin.changeTenant(tenant, { disabled }), TENANTS)
  if (isDisabled)
    return (
      <Confirmed
        label="Enable"
        name={tenant}
        title={`Enable ${tenant}?`}
        confirm="Enable"
        decline="Leave it"
        isGood
        act={() => change.mutateAsync(false)}
      >
        It comes in again with the keys and sessions that it had.
      </Confirmed>
    )
  return (
    <Confirmed
      label="Disable"
      name={tenant}
      title={`Disable ${tenant}?`}
      confirm="Disable"
      decline="Leave it"
      act={() => change.mutateAsync(true)}
    >
      Its keys and sessions are refused from their next request on, and its streams end. What it has
      running goes on to its end. It can be enabled again.
    </Confirmed>
  )
}
