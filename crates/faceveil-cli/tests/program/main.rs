//! The program as its users run it: the real binary, in a temporary folder.

mod behaviour;
#[cfg(unix)]
mod browser;
mod clips;
mod detection;
mod frames;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_sidecars;
#[cfg(target_os = "linux")]
mod hostile_table;
#[cfg(target_os = "linux")]
mod hostile_videos;
mod journal;
mod layers;
#[cfg(unix)]
mod live;
mod places;
mod preview;
mod rerender;
mod review;
#[cfg(unix)]
mod review_page;
mod sandbox;
mod sidecar;
mod verify;
#[cfg(unix)]
mod video;
#[cfg(unix)]
mod video_again;
#[cfg(unix)]
mod video_hostile;
#[cfg(unix)]
mod video_resume;
#[cfg(unix)]
mod video_shown;
mod zones;
