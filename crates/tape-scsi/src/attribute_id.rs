//! Identifiers of cartridge memory attributes (SPC-5, 7.4.2: device 0000h-03FFh, medium 0400h-07FFh, host 0800h-0BFFh).

/// Remaining capacity in partition, MiB, 8 bytes.
pub const REMAINING_CAPACITY: u16 = 0x0000;
/// Maximum capacity in partition, MiB, 8 bytes.
pub const MAXIMUM_CAPACITY: u16 = 0x0001;
/// TapeAlert flags, 8 bytes.
pub const TAPE_ALERT_FLAGS: u16 = 0x0002;
/// Load count, 8 bytes.
pub const LOAD_COUNT: u16 = 0x0003;
/// MAM space remaining, bytes, 8 bytes.
pub const MAM_SPACE_REMAINING: u16 = 0x0004;
/// Formatted density code, 1 byte.
pub const FORMATTED_DENSITY: u16 = 0x0006;
/// Initialization count, 2 bytes.
pub const INITIALIZATION_COUNT: u16 = 0x0007;
/// Vendor and serial number of the drive of the last load, ASCII, 40 bytes.
pub const LAST_LOAD_DEVICE: u16 = 0x020a;
/// Total MiB written in the life of the medium, 8 bytes.
pub const TOTAL_WRITTEN: u16 = 0x0220;
/// Total MiB read in the life of the medium, 8 bytes.
pub const TOTAL_READ: u16 = 0x0221;
/// Medium manufacturer, ASCII, 8 bytes.
pub const MEDIUM_MANUFACTURER: u16 = 0x0400;
/// Medium serial number, ASCII, 32 bytes.
pub const MEDIUM_SERIAL: u16 = 0x0401;
/// Medium length in metres, 4 bytes.
pub const MEDIUM_LENGTH: u16 = 0x0402;
/// Medium width in tenths of a millimetre, 4 bytes.
pub const MEDIUM_WIDTH: u16 = 0x0403;
/// Medium density code, 1 byte.
pub const MEDIUM_DENSITY: u16 = 0x0405;
/// Medium manufacture date, ASCII, YYYYMMDD.
pub const MEDIUM_MANUFACTURE_DATE: u16 = 0x0406;
/// MAM capacity, bytes, 8 bytes.
pub const MAM_CAPACITY: u16 = 0x0407;
/// Medium type, 1 byte: 00h data, 01h cleaning, 80h WORM.
pub const MEDIUM_TYPE: u16 = 0x0408;
/// Medium type information, 2 bytes: for a cleaning cartridge the cleanings it allows.
pub const MEDIUM_TYPE_INFORMATION: u16 = 0x0409;
/// Application vendor, ASCII, 8 bytes.
pub const APPLICATION_VENDOR: u16 = 0x0800;
/// Application name, ASCII, 32 bytes.
pub const APPLICATION_NAME: u16 = 0x0801;
/// Application version, ASCII, 8 bytes.
pub const APPLICATION_VERSION: u16 = 0x0802;
/// User medium text label, text, 160 bytes.
pub const USER_MEDIUM_LABEL: u16 = 0x0803;
/// Date and time last written, ASCII, YYYYMMDDHHMM.
pub const LAST_WRITTEN: u16 = 0x0804;
/// Text localization identifier, 1 byte: how TEXT attributes are encoded (81h = UTF-8).
pub const TEXT_LOCALIZATION: u16 = 0x0805;
/// Bar code, ASCII, 32 bytes.
pub const BARCODE: u16 = 0x0806;
/// Owning host textual name, text, 80 bytes.
pub const OWNING_HOST: u16 = 0x0807;
/// Media pool, text, 160 bytes.
pub const MEDIA_POOL: u16 = 0x0808;
/// Application format version, ASCII, 16 bytes.
pub const APPLICATION_FORMAT_VERSION: u16 = 0x080b;
/// Volume coherency information (SSC-5, 4.2.27): where a self-describing format stood when the drive was last full.
pub const VOLUME_COHERENCY: u16 = 0x080c;
