import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const SERVER = process.env.AXIOMD_URL ?? 'http://127.0.0.1:8700'

export default defineConfig({
  plugins: [react()],
  build: { outDir: 'dist', target: 'es2022', sourcemap: false },
  server: { proxy: { '/invocations': SERVER, '/app': SERVER, '/readyz': SERVER } },
})
