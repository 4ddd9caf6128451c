import { Autocomplete, Button, CloseButton, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Search, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { api } from '../api/client'
import { DateFilter } from './DateFilter'
import classes from './executions.module.css'
import { StatusFilter } from './StatusFilter'
import { type ExecutionsSearch, readStatuses } from './search'

const TYPING_MS = 250
const ARTIFACTS_MAX = 1_000

interface Props {
  search: ExecutionsSearch
  /** Some filters change, by what the address then says. */
  onChange: (change: { [K in keyof ExecutionsSearch]: ExecutionsSearch[K] | undefined }) => void
}

/** What the list is narrowed down to. */
export function Filters({ search, onChange }: Props) {
  const any = Object.keys(search).length > 0
  const none = { status: undefined, flow: undefined, from: undefined, to: undefined, q: undefined }
  return (
    <search className={classes.filters} aria-label="Filters">
      <IdFilter value={search.q ?? ''} onChange={(q) => onChange({ q: q || undefined })} />
      <StatusFilter
        value={readStatuses(search.status)}
        onChange={(statuses) => onChange({ status: statuses.join(',') || undefined })}
      />
      <FlowFilter
        value={search.flow ?? ''}
        onChange={(flow) => onChange({ flow: flow || undefined })}
      />
      <DateFilter from={search.from} to={search.to} onChange={onChange} />
      {any && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<X size={14} />}
          onClick={() => onChange(none)}
        >
          Clear
        </Button>
      )}
    </search>
  )
}

interface TextProps {
  value: string
  onChange: (value: string) => void
}

/** The text while it is typed; what comes from elsewhere, as from the Back button, wins. */
function useTyped({ value, onChange }: TextProps) {
  const [typed, setTyped] = useState(value)
  const tell = useDebouncedCallback(onChange, TYPING_MS)
  useEffect(() => setTyped(value), [value])
  const type = (text: string) => {
    setTyped(text)
    tell(text.trim())
  }
  return { typed, type }
}

function IdFilter(props: TextProps) {
  const { typed, type } = useTyped(props)
  return (
    <TextInput
      aria-label="Execution ID"
      placeholder="Execution ID"
      leftSection={<Search size={14} />}
      rightSection={
        typed && <CloseButton size="sm" aria-label="Clear ID" onClick={() => type('')} />
      }
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
      spellCheck={false}
      w={230}
    />
  )
}

function FlowFilter(props: TextProps) {
  const { typed, type } = useTyped(props)
  const artifacts = useQuery({
    queryKey: ['artifacts', 'names'],
    queryFn: () => api.artifacts({ limit: ARTIFACTS_MAX }),
    staleTime: 30_000,
  })
  const names = new Set(artifacts.data?.rows.map((artifact) => artifact.flow))
  return (
    <Autocomplete
      aria-label="Flow"
      placeholder="Any flow"
      data={[...names].sort()}
      value={typed}
      onChange={type}
      comboboxProps={{ withinPortal: false }}
      clearable
      clearButtonProps={{ 'aria-label': 'Clear flow' }}
      spellCheck={false}
      w={210}
    />
  )
}
