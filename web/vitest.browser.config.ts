import { defineConfig } from 'vitest/config';

/** Tests in a real browser against the real server: `npm run test:browser`. One file at a time: each starts a server. */
export default defineConfig({
	test: {
		include: ['tests/**/*.browser.ts'],
		fileParallelism: false,
		testTimeout: 120_000,
		hookTimeout: 60_000
	}
});
