import { session } from '$lib/state/session.svelte';
import { errorOf } from './errors';

/** Asks for a file with the login in a header (an address with a login in it would stay in histories), and saves it. */
export async function download(path: string, fallback: string): Promise<void> {
	const response = await fetch(path, { headers: { authorization: `Bearer ${session.token}` } });
	if (!response.ok) throw errorOf(response.status, await response.json().catch(() => null));
	const named = /filename="?([^";]+)"?/.exec(response.headers.get('content-disposition') ?? '')?.[1];
	save(await response.blob(), named ?? fallback);
}

/** Hands a file to the browser to keep. */
export function save(file: Blob, name: string): void {
	const url = URL.createObjectURL(file);
	const link = document.createElement('a');
	link.href = url;
	link.download = name;
	link.click();
	URL.revokeObjectURL(url);
}
