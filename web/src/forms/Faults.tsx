import { Alert, Text } from '@mantine/core'
import { TriangleAlert } from 'lucide-react'
import { useFault } from './context'

/** What is wrong with a message, list or map as a whole. */
export function Faults({ path }: { path: string }) {
  const fault = useFault(path)
  if (fault === null) return null
  return (
    <Alert color="red" variant="light" p="xs" icon={<TriangleAlert size={16} />}>
      <Text size="sm" className="ax-form-fault">
        {fault}
      </Text>
    </Alert>
  )
}
