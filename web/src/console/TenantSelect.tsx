import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Building2 } from 'lucide-react'
import { admin } from '../api/client'
import { OPERATOR } from '../app/query'

export const TENANTS = ['tenants'] as const

interface Props {
  label: string
  /** Undefined for the operator's own. */
  value: string | undefined
  onChange: (tenant: string | undefined) => void
}

/** Of which tenant the page tells: for the operator, and where there are others. */
export function TenantSelect({ label, value, onChange }: Props) {
  const { data = [] } = useQuery({ queryKey: TENANTS, queryFn: admin.tenants })
  if (data.length < 2 && value === undefined) return null
  const named = data.map(({ tenant, name }) => ({
    value: tenant,
    label: name === tenant ? tenant : `${name} (${tenant})`,
  }))
  const isKnown = value === undefined || data.some(({ tenant }) => tenant === value)
  return (
    <Select
      size="xs"
      w={220}
      aria-label={label}
      leftSection={<Building2 size={13} aria-hidden />}
      searchable
      comboboxProps={{ withinPortal: false }}
      allowDeselect={false}
      nothingFoundMessage="No such tenant"
      data={isKnown ? named : [...named, value]}
      value={value ?? OPERATOR}
      onChange={(chosen) => onChange(chosen === OPERATOR ? undefined : (chosen ?? undefined))}
    />
  )
}
