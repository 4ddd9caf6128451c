import { NumberInput, SimpleGrid } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { admin } from '../api/client'
import { LIMITS, type LimitName, type OwnLimits, type TenantLimits } from '../api/consoleTypes'
import { faultAt } from './faults'
import { Answer, FormDialog, useChange } from './parts'
import { boundText, LIMIT_HELP, LIMIT_WORDS } from './tenantWords'

interface Props {
  tenant: string
  onClose: () => void
}

export const LIMITS_OF = 'limits'

/** What is a tenant's own of the limits; what it leaves empty is as for everybody. */
export function LimitsDialog({ tenant, onClose }: Props) {
  const limits = useQuery({
    queryKey: [LIMITS_OF, tenant],
    queryFn: () => admin.limits(tenant),
    // What is being typed is not replaced under the hand.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
  const [typed, setTyped] = useState<Partial<Record<LimitName, number | string>>>({})
  const client = useQueryClient()
  const save = useChange(async () => {
    if (limits.data === undefined) return
    await admin.setLimits(tenant, ownOf(limits.data, typed))
    await client.invalidateQueries({ queryKey: ['usage'] })
  }, [LIMITS_OF])
  return (
    <FormDialog
      title={`Limits of ${tenant}`}
      submit="Save"
      isPending={save.isPending}
      isReady={limits.data !== undefined}
      failure={save.error}
      fields={LIMITS}
      onSubmit={() => save.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      size="lg"
    >
      <div className="ax-dim">
        They are in force at once. What is left empty is as for everybody who shares the box.
      </div>
      <Answer query={limits} isOfOne>
        {(found) => (
          <SimpleGrid cols={2} spacing="md">
            {LIMITS.map((name) => (
              <NumberInput
                key={name}
                label={LIMIT_WORDS[name]}
                description={LIMIT_HELP[name]}
                placeholder={placeholder(name, found)}
                allowDecimal={name.endsWith('_per_s')}
                value={typed[name] ?? found.own[name] ?? ''}
                error={faultAt(save.error, name)}
                onChange={(value) => setTyped({ ...typed, [name]: value })}
              />
            ))}
          </SimpleGrid>
        )}
      </Answer>
    </FormDialog>
  )
}

function placeholder(name: LimitName, { limits, own }: TenantLimits): string {
  // Where there is one of its own, nobody tells what the others have.
  return own[name] === null
    ? `As for everybody: ${boundText(name, limits[name])}`
    : 'As for everybody'
}

function ownOf(found: TenantLimits, typed: Partial<Record<LimitName, number | string>>): OwnLimits {
  const entries = LIMITS.map((name) => {
    const value = typed[name] ?? found.own[name] ?? ''
    return [name, value === '' ? null : Number(value)]
  })
  return Object.fromEntries(entries) as OwnLimits
}
