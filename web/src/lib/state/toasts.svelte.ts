import { asApiError } from '$lib/api/errors';
import type { Tone } from '$lib/components/states';

interface Toast {
	id: number;
	tone: Tone;
	title: string;
	message: string;
	/** Where more is to be seen. */
	href?: string;
}

const SHOWN_MS = 6000;
const MOST = 4;

/** Short messages in the corner; what matters is in the event centre as well. */
class Toasts {
	list = $state.raw<Toast[]>([]);
	/** Somebody is at them, with pointer or keyboard: they stay. */
	held = false;
	#next = 1;

	add(toast: Omit<Toast, 'id'>): void {
		const id = this.#next++;
		this.list = [...this.list, { ...toast, id }].slice(-MOST);
		// Bad news stay until somebody has read them.
		if (toast.tone !== 'failed') this.#removeLater(id);
	}

	#removeLater(id: number): void {
		setTimeout(() => (this.held ? this.#removeLater(id) : this.remove(id)), SHOWN_MS);
	}

	good(title: string, message = '', href?: string): void {
		this.add({ tone: 'good', title, message, ...(href ? { href } : {}) });
	}

	failed(title: string, thrown: unknown): void {
		this.add({ tone: 'failed', title, message: asApiError(thrown).message });
	}

	remove(id: number): void {
		this.list = this.list.filter((toast) => toast.id !== id);
	}
}

export const toasts = new Toasts();

/** Does `work`; what fails is told in a toast under `title`. Returns whether it succeeded. */
export async function attempt(title: string, work: () => Promise<unknown>): Promise<boolean> {
	try {
		await work();
		return true;
	} catch (thrown) {
		toasts.failed(title, thrown);
		return false;
	}
}
