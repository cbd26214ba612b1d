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

/** Of each kind of element of a library, the address of the first. */
export type Firsts = Record<Slot['slot_type'], number>;

export function firstsOf(slots: Slot[]): Firsts {
	const firsts: Firsts = { storage: Infinity, import_export: Infinity, drive: Infinity };
	for (const { slot_type, slot_number } of slots) firsts[slot_type] = Math.min(firsts[slot_type], slot_number);
	return firsts;
}

/**
 * The number that people know an element by: the first of its kind is 1. Each changer has its own first addresses (1, 1000, 1024,
 * 4096 …), those of a kind follow one another (SMC-3, element address assignment page).
 */
export function slotNumber(slot: Pick<Slot, 'slot_number' | 'slot_type'>, firsts: Firsts): number {
	return slot.slot_number - firsts[slot.slot_type] + 1;
}

/** "slot 3", "drive bay 1", "mail slot 2". */
export function slotTitle(slot: Slot, firsts: Firsts): string {
	const words = { storage: 'slot', import_export: 'mail slot', drive: 'drive bay' };
	return `${words[slot.slot_type]} ${slotNumber(slot, firsts)}`;
}

/** What the tape in it is; none for a cartridge that the catalog does not know. */
export function slotState(slot: Slot): State | null {
	return slot.tape ? tapeState(slot.tape) : null;
}

export function isCleaning(slot: Slot): boolean {
	return slot.barcode.startsWith('CLN');
}

/** Everything the picture shows, in words: for hovering and for those who do not see it. */
export function slotWords(slot: Slot, firsts: Firsts): string {
	const where = slotTitle(slot, firsts);
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
