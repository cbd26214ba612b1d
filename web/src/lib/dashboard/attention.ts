import type { Component } from 'svelte';
import BrushCleaning from '@lucide/svelte/icons/brush-cleaning';
import CalendarX from '@lucide/svelte/icons/calendar-x';
import ClockAlert from '@lucide/svelte/icons/clock-alert';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import CircleX from '@lucide/svelte/icons/circle-x';
import Hand from '@lucide/svelte/icons/hand';
import HelpCircle from '@lucide/svelte/icons/circle-question-mark';
import Hourglass from '@lucide/svelte/icons/hourglass';
import KeyRound from '@lucide/svelte/icons/key-round';
import Layers from '@lucide/svelte/icons/layers';
import LibraryBig from '@lucide/svelte/icons/library-big';
import OctagonPause from '@lucide/svelte/icons/octagon-pause';
import Printer from '@lucide/svelte/icons/printer';
import TimerOff from '@lucide/svelte/icons/timer-off';
import TriangleAlert from '@lucide/svelte/icons/triangle-alert';
import Unplug from '@lucide/svelte/icons/unplug';
import type { Attention } from '$lib/api/types';
import type { Tone } from '$lib/components/states';

/** What the server lists as needing a person, as it is shown. */
export const ATTENTION_TONES: Record<Attention['severity'], Tone> = {
	waiting: 'waiting',
	critical: 'failed',
	warning: 'warning',
	info: 'idle'
};

export const ATTENTION_ICONS: Record<Attention['topic'], Component> = {
	tape_change: Hand,
	paused_run: CirclePause,
	failed_run: CircleX,
	no_recent_copy: CalendarX,
	missed_run: CalendarX,
	drive: Unplug,
	drive_alert: TriangleAlert,
	cleaning: BrushCleaning,
	unknown_tape: HelpCircle,
	unknown_cartridges: HelpCircle,
	library: LibraryBig,
	tape_on_hold: OctagonPause,
	worn_tape: Hourglass,
	failing_tape: CircleX,
	expired_tapes: TimerOff,
	pool_full: Layers,
	key_expired: KeyRound,
	key_unprinted: Printer,
	clock: ClockAlert
};
