import ArrowUpFromLine from '@lucide/svelte/icons/arrow-up-from-line';
import Eject from '@lucide/svelte/icons/circle-arrow-up';
import Rewind from '@lucide/svelte/icons/rewind';
import Repeat from '@lucide/svelte/icons/repeat';
import Sparkles from '@lucide/svelte/icons/brush-cleaning';
import { api } from '$lib/api/client';
import type { Drive } from '$lib/api/types';
import type { MenuEntry } from '$lib/components/Menu.svelte';
import { session } from '$lib/state/session.svelte';
import { attempt, toasts } from '$lib/state/toasts.svelte';
import { driveName } from './drive-view';

type Act = 'eject' | 'load-tape' | 'rewind' | 'retension' | 'clean';

/** Lets a drive do something; the work goes on in the background and the frame shows it. */
export async function act(drive: Drive, what: Act, began: string): Promise<void> {
	const params = { path: { id: drive.id }, query: { wait: false } };
	await attempt(`${driveName(drive)}: that was not begun`, async () => {
		await CALLS[what](params);
		toasts.good(began, driveName(drive));
	});
}

type Params = { path: { id: number }; query: { wait: boolean } };
const CALLS: Record<Act, (params: Params) => Promise<unknown>> = {
	eject: (params) => api.POST('/api/v1/drives/{id}/eject', { params }),
	'load-tape': (params) => api.POST('/api/v1/drives/{id}/load-tape', { params }),
	rewind: (params) => api.POST('/api/v1/drives/{id}/rewind', { params }),
	retension: (params) => api.POST('/api/v1/drives/{id}/retension', { params }),
	clean: (params) => api.POST('/api/v1/drives/{id}/clean', { params })
};

/** What can be done with a drive now, and why not. */
export function driveEntries(drive: Drive): MenuEntry[] {
	const role = session.reason('operator');
	const free = role ?? (drive.enabled ? undefined : 'The drive is switched off.') ?? (drive.execution_id ? 'The drive is at work.' : undefined);
	const loaded = free ?? (drive.loaded ? undefined : 'There is no tape in it.');
	return [
		{ label: 'Eject', icon: Eject, act: () => void act(drive, 'eject', 'Ejecting'), reason: loaded },
		{ label: 'Thread the cartridge', icon: ArrowUpFromLine, act: () => void act(drive, 'load-tape', 'Threading'), reason: free },
		{ label: 'Rewind', icon: Rewind, act: () => void act(drive, 'rewind', 'Rewinding'), reason: loaded },
		{ label: 'Retension', icon: Repeat, act: () => void act(drive, 'retension', 'Winding to the end and back'), reason: loaded },
		{ label: 'Clean', icon: Sparkles, act: () => void act(drive, 'clean', 'Cleaning'), reason: free }
	];
}
