import { SENT_BY_US } from './client';
import { errorOf } from './errors';

/** Asks for a file and saves it; what keeps it from being had is thrown. */
export async function download(path: string, fallback: string): Promise<void> {
	const response = await fetch(path, { headers: SENT_BY_US });
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
