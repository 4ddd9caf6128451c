import { useReactFlow, useStore } from '@xyflow/react'
import { useEffect } from 'react'
import { CARD_HEIGHT, CARD_WIDTH } from './layout'

const MOVE_MS = 220
/** Below this a card cannot be read, so going to it also goes nearer. */
const READABLE = 0.55

/** Brings the selected card into view if it is not, also when a panel beside the canvas opens. */
export function Reveal({ alias }: { alias: string | null }) {
  const flow = useReactFlow()
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  useEffect(() => {
    const node = alias === null ? undefined : flow.getNode(alias)
    if (!node || width === 0 || height === 0) return
    const { x, y, zoom } = flow.getViewport()
    const left = node.position.x * zoom + x
    const top = node.position.y * zoom + y
    const fits = left >= 0 && left + CARD_WIDTH * zoom <= width
    if (fits && top >= 0 && top + CARD_HEIGHT * zoom <= height) return
    const middle = [node.position.x + CARD_WIDTH / 2, node.position.y + CARD_HEIGHT / 2] as const
    void flow.setCenter(...middle, { zoom: Math.max(zoom, READABLE), duration: MOVE_MS })
  }, [alias, flow, width, height])
  return null
}
