import { tapeState, type State } from '$lib/components/states';
import type { Slot } from '$lib/api/types';
import { bytes, counted, percent } from '$lib/format/bytes';

export interface Elements {
	drives: Slot[];
	storage: Slot[];
	mail: Slot[];
}

/** The elements of a library by what they are. */
export function elements(slots: Slot[]): Elements {
	const of = (type: Slot['slot_type']) => slots.filter((slot) => slot.slot_type === type);
	return { drives: of('drive'), storage: of('storage'), mail: of('import_export') };
}

/** Changers count from odd beginnings (1024 …): people count from 1. */
export function slotName(slot: Pick<Slot, 'slot_number'>): string {
	return String(slot.slot_number >= 1000 ? slot.slot_number - 1023 : slot.slot_number);
}

/** "slot 3", "drive bay 256", "mail slot 16". */
export function slotTitle(slot: Slot): string {
	if (slot.slot_type === 'drive') return `drive bay ${slot.slot_number}`;
	if (slot.slot_type === 'import_export') return `mail slot ${slot.slot_number}`;
	return `slot ${slotName(slot)}`;
}

/** What the tape in it is; none for a cartridge that the catalog does not know. */
export function slotState(slot: Slot): State | null {
	return slot.tape ? tapeState(slot.tape) : null;
}

export function isCleaning(slot: Slot): boolean {
	return slot.barcode.startsWith('CLN');
}

/** Everything the picture shows, in words: for hovering and for those who do not see it. */
export function slotWords(slot: Slot): string {
	const where = slotTitle(slot);
	const trouble = slot.exception ? `, ${slot.exception}` : '';
	if (slot.is_empty) return `${where}: empty${trouble}`;
	const name = slot.barcode || slot.tape_label || 'no bar code';
	if (isCleaning(slot)) return `${where}: ${name}, cleaning cartridge${trouble}`;
	const { tape } = slot;
	if (!tape) return `${where}: ${name}, not in the catalog${trouble}`;
	const facts = [
		tape.label === slot.barcode ? '' : tape.label,
		tapeState(tape).word.toLowerCase(),
		tape.write_once ? 'write once' : '',
		tape.pool_name ? `pool ${tape.pool_name}` : 'no pool',
		tape.capacity_bytes > 0
			? `${bytes(tape.used_bytes)} of ${bytes(tape.capacity_bytes)} (${Math.round(percent(tape.used_bytes, tape.capacity_bytes))} %)`
			: bytes(tape.used_bytes),
		`${counted(tape.write_count, 'set')} written`,
		tape.hold_reason && !tape.lost_at ? `on hold: ${tape.hold_reason}` : ''
	];
	return `${where}: ${name}, ${facts.filter(Boolean).join(', ')}${trouble}`;
}

/** What can be done with what is in `from`, put into `to`; none if nothing. */
export function moveKind(from: Slot, to: Slot): 'load' | 'unload' | 'transfer' | null {
	if (from.is_empty || !to.is_empty || from.id === to.id) return null;
	if (from.slot_type === 'drive') return to.slot_type === 'drive' ? null : 'unload';
	return to.slot_type === 'drive' ? 'load' : 'transfer';
}
