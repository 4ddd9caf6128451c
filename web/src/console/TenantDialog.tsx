import { NumberInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import { admin } from '../api/client'
import type { Tenant, TenantChange } from '../api/consoleTypes'
import { faultAt } from './faults'
import { FormDialog, useChange } from './parts'
import { TENANTS } from './TenantSelect'

export function AddTenant({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState('')
  const [name, setName] = useState('')
  const add = useChange(() => admin.createTenant(id.trim(), name.trim() || undefined), TENANTS)
  return (
    <FormDialog
      title="Add a tenant"
      submit="Add"
      isPending={add.isPending}
      isReady={id.trim() !== ''}
      failure={add.error}
      fields={['tenant', 'name']}
      onSubmit={() => add.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    >
      <TextInput
        label="ID"
        placeholder="acme"
        description="Lowercase letters, digits and dashes. It stays, and so does the tenant."
        data-autofocus
        value={id}
        error={faultAt(add.error, 'tenant')}
        onChange={(event) => setId(event.currentTarget.value)}
      />
      <TextInput
        label="Name"
        placeholder="Acme Ltd"
        description="What people call it. Empty for its ID."
        value={name}
        error={faultAt(add.error, 'name')}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  )
}

export function EditTenant({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const [name, setName] = useState(tenant.name)
  const [days, setDays] = useState<number | string>(tenant.retention_days ?? '')
  const change: TenantChange = {
    name: name.trim(),
    retention_days: days === '' ? null : Number(days),
  }
  const save = useChange(() => admin.changeTenant(tenant.tenant, change), TENANTS)
  return (
    <FormDialog
      title={`Edit ${tenant.tenant}`}
      submit="Save"
      isPending={save.isPending}
      isReady={name.trim() !== ''}
      failure={save.error}
      fields={['name', 'retention_days']}
      onSubmit={() => save.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    >
      <TextInput
        label="Name"
        description="What people call it."
        data-autofocus
        value={name}
        error={faultAt(save.error, 'name')}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NumberInput
        label="Days that ended executions are kept"
        description="Empty as the box is set, 0 for ever. What is older is deleted."
        placeholder="as the box is set"
        value={days}
        error={faultAt(save.error, 'retention_days')}
        onChange={setDays}
      />
    </FormDialog>
  )
}
