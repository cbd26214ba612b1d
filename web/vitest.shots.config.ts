import { defineConfig } from 'vitest/config';

/** Pictures of every page, of a real server at work: `npm run screenshots`. */
export default defineConfig({
	test: { include: ['tests/**/*.shots.ts'], testTimeout: 600_000, hookTimeout: 300_000 }
});
