import { api } from '$lib/api/client';
import type { Slot } from '$lib/api/types';
import { attempt, toasts } from '$lib/state/toasts.svelte';
import { moveKind, slotTitle, type Firsts } from './slots';

/** Lets the robot move what is in `from` to `to`. It goes on in the background; the picture follows. */
export async function move(from: Slot, to: Slot, firsts: Firsts): Promise<void> {
	const kind = moveKind(from, to);
	const params = { path: { id: from.library_id } };
	const name = from.barcode || from.tape_label || 'The cartridge';
	await attempt(`${name} was not moved`, async () => {
		if (kind === 'load') {
			const body = { slot_number: from.slot_number, drive_number: to.slot_number };
			await api.POST('/api/v1/libraries/{id}/load', { params, body });
		} else if (kind === 'unload') {
			const body = { slot_number: to.slot_number, drive_number: from.slot_number };
			await api.POST('/api/v1/libraries/{id}/unload', { params, body });
		} else if (kind === 'transfer') {
			const body = { source_slot: from.slot_number, dest_slot: to.slot_number };
			await api.POST('/api/v1/libraries/{id}/transfer', { params, body });
		} else {
			throw new Error(`${slotTitle(to, firsts)} cannot take it: it is full, or the robot cannot go there directly.`);
		}
		toasts.good('The robot is on its way', `${name}: from ${slotTitle(from, firsts)} to ${slotTitle(to, firsts)}`);
	});
}
