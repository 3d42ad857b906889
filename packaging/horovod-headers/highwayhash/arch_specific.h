// Declarations that TensorFlow's public headers name but its wheel does not ship. Nothing links to them.
#pragma once
#define HH_TARGET_PREFERRED 0
