/** The request for a tape that is being answered: one panel, which any page can open. */
class Answering {
	/** Of the request. */
	id = $state<number | null>(null);

	open(id: number): void {
		this.id = id;
	}

	close(): void {
		this.id = null;
	}
}

export const answering = new Answering();
