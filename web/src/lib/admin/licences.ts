export interface Package {
	kind: 'rust' | 'web';
	name: string;
	version: string;
	licence: string;
	/** Places in the list of texts. */
	texts: number[];
}

interface Licences {
	packages: Package[];
	texts: string[];
}

/** The licences of all dependencies, as scripts/licences wrote them when this was built. */
export async function licences(): Promise<Licences> {
	const response = await fetch('/licences.json');
	if (!response.ok) throw new Error('the list of licences is not installed: it is made with the web interface (scripts/licences)');
	const read: unknown = await response.json();
	if (!isLicences(read)) throw new Error('the list of licences cannot be read');
	return read;
}

function isLicences(value: unknown): value is Licences {
	if (typeof value !== 'object' || value === null) return false;
	const { packages, texts } = value as Partial<Licences>;
	return Array.isArray(packages) && Array.isArray(texts);
}
