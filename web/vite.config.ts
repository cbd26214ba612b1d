import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
	plugins: [sveltekit()],
	// Browsers that know light-dark() and color-mix(): all since the middle of 2024.
	build: { target: ['chrome123', 'firefox120', 'safari17.5'] },
	test: { include: ['src/**/*.test.ts'] }
});
