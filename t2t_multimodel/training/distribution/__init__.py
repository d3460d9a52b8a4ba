"""Steps of several parts, and the devices that they run on."""
