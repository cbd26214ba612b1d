import { defineConfig } from 'vitest/config';

/** Tests in a real browser against the real server: `npm run test:browser`. Two files at a time: each has a server of its own. */
export default defineConfig({
	test: {
		include: ['tests/**/*.browser.ts'],
		maxWorkers: 2,
		testTimeout: 120_000,
		hookTimeout: 60_000
	}
});
