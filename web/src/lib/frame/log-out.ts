import { api } from '$lib/api/client';
import { session } from '$lib/state/session.svelte';
import { toasts } from '$lib/state/toasts.svelte';

/** Ends this login. */
export async function logOut(): Promise<void> {
	try {
		await api.POST('/api/v1/auth/logout');
	} catch (thrown) {
		// Only the server can take the cookie back: who leaves must not believe to be out.
		if (session.user) return toasts.failed('Not logged out', thrown);
	}
	session.end();
}
