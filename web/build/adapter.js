import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import adapterStatic from '@sveltejs/adapter-static';

const INLINE = /<script>([\s\S]*?)<\/script>/g;

/**
 * The static adapter, with SvelteKit's start script moved into a file of its own: the server's Content-Security-Policy
 * allows no script in a page. Compresses after that, so that the compressed page is the same page.
 *
 * @param {string} folder where the files go
 * @returns {import('@sveltejs/kit').Adapter}
 */
export default function (folder) {
	const files = adapterStatic({ pages: folder, assets: folder, fallback: 'index.html' });
	return {
		name: 'tapebackarr-static',
		async adapt(builder) {
			const kept = path.join(folder, '.gitkeep');
			const keep = existsSync(kept);
			await files.adapt(builder);
			moveScripts(folder);
			await builder.compress(folder);
			if (keep) writeFileSync(kept, '');
		}
	};
}

/** @param {string} folder */
function moveScripts(folder) {
	const page = path.join(folder, 'index.html');
	const html = readFileSync(page, 'utf8').replace(INLINE, (_, /** @type {string} */ code) => {
		const hash = createHash('sha256').update(code).digest('hex').slice(0, 12);
		const name = `_app/immutable/start.${hash}.js`;
		writeFileSync(path.join(folder, name), code);
		return `<script src="/${name}"></script>`;
	});
	writeFileSync(page, html);
}
